"""What the study writes: a page, JSON with everything, CSV with a line for each run, and the README's headline."""

import csv
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.model import Design as ModelDesign
from harness.model import JsonModel
from harness.report.document import Column, NumberCell, Row, Table, TextCell
from harness.report.format import format_duration
from harness.report.sections.background import machine_facts, version_facts
from harness.report.text.markdown import escape_markdown, markdown_table
from scripts.precision_study.headline.design import KINDS, Design, Trial
from scripts.precision_study.headline.finding import Finding
from scripts.precision_study.headline.sentences import alarm_claim, answer, claim, coverage_claim, share_text
from scripts.precision_study.headline.tally import NO_VERDICT, UNDECIDED, VERDICTS, Spread, Tally
from scripts.readme_blocks import fill_block, wrap

PAGE_LINK = "[all runs](results/published/precision/headline.md)"


class Result(JsonModel):
    """The content of headline.json, format 1."""

    format: int = 1
    answer: str
    claim: str
    design: Design
    trial: Trial
    tally: Tally
    findings: tuple[Finding, ...]
    host: Mapping[str, Any]


def result_of(
    design: Design, trial: Trial, findings: Sequence[Finding], tally: Tally, host: Mapping[str, Any]
) -> Result:
    """Return everything that the study measured, with its answer."""
    return Result(
        answer=answer(tally, design.budget_s),
        claim=claim(tally.found),
        design=design,
        trial=trial,
        tally=tally,
        findings=tuple(findings),
        host=host,
    )


def markdown(result: Result) -> str:
    """Return the page."""
    return "\n\n".join(_paragraphs(result)) + "\n"


def _paragraphs(result: Result) -> Iterator[str]:
    tally = result.tally
    yield "# One minute, one percent"
    yield f"**{result.answer}** {result.claim} {alarm_claim(tally.alarms)} {coverage_claim(tally.covered)}"
    yield _method(result)
    yield _tally_table(tally)
    yield (
        "Found: called slower. The true difference is the burn, 0 for equal arms. Shares have their exact 95 % "
        "binomial interval (Clopper and Pearson). The control is the reference a second time, in every run. A report "
        "warns in its first line where, for example, the control differs."
    )
    yield "\n".join(f"- {name}: {escape_markdown(text)}" for name, text in machine_facts(result.host))
    yield f"Versions: {escape_markdown(', '.join(' '.join(version) for version in version_facts(result.host)))}."
    yield "## All runs, in their order\n\n`headline.csv` has the same lines with all digits."
    yield _runs_table(result.findings)


def _method(result: Result) -> str:
    design, trial, tally = result.design, result.trial, result.tally
    precision_percent = ModelDesign().precision_percent
    return (
        f"{2 * design.runs} runs in random order, {design.runs} of each kind: the arm `more` is `tcp` again, or `tcp` "
        f"with an app that burns more CPU time per request. The burn is 1 % of a request's time in the run before, to "
        f"0.1 us; a trial before the first run gave {trial.request_us:.0f} us. The median burn was "
        f"{_spread_text(tally.burn_us, '.1f')} us, or {_spread_text(tally.burn_percent, '.2f')} % of a request's time "
        f"in the same run. As in every run of barehop, the end comes when the interval is as narrow as by default "
        f"(+-{precision_percent:g} %), or with the budget of {design.budget_s:g} s; 8 sessions may take longer than a "
        f"small budget. To measure again: `{command(design)}`."
    )


def _spread_text(spread: Spread, form: str) -> str:
    return f"{spread.median:{form}} ({spread.least:{form}} to {spread.most:{form}})"


def command(design: Design) -> str:
    """Return the command line that measures the study again."""
    options = [f"--runs {design.runs} --budget {design.budget_s:g} --seed {design.seed}"]
    return " ".join(
        ["scripts/precision --headline", *options, *(shlex.quote(f"--set={text}") for text in design.overrides)]
    )


def _tally_table(tally: Tally) -> str:
    kinds = [tally.kinds[kind] for kind in KINDS]
    verdicts = [
        verdict for verdict in VERDICTS if verdict != NO_VERDICT or any(kind.verdicts[verdict] for kind in kinds)
    ]
    lines = [
        ("runs", *(str(kind.runs) for kind in kinds)),
        *((_verdict_title(verdict), *(str(kind.verdicts[verdict]) for kind in kinds)) for verdict in verdicts),
        ("found; false alarms", share_text(tally.found), share_text(tally.alarms)),
        ("true difference in the interval", *(share_text(kind.covered) for kind in kinds)),
        ("median half width, %", *(_number(kind.half_width_percent) for kind in kinds)),
        ("median time", *(format_duration(kind.seconds) for kind in kinds)),
        ("control called different", *(str(kind.control_differed) for kind in kinds)),
        ("report warns", *(str(kind.warned) for kind in kinds)),
    ]
    titles = ("", f"{tally.burn_percent.median:.2g} % more work", "equal arms")
    return _table(titles, lines)


def _runs_table(findings: Sequence[Finding]) -> str:
    titles = (
        "run",
        "kind",
        "difference, %",
        "half width, %",
        "us",
        "burn, us",
        "verdict",
        "control",
        "sessions",
        "time",
    )
    return _table(titles, [_run_line(finding) for finding in findings])


def _run_line(finding: Finding) -> tuple[str, ...]:
    return (
        str(finding.run),
        finding.kind,
        _number(finding.percent, "+.2f"),
        _number(finding.half_width_percent),
        _number(finding.us, "+.2f"),
        f"{finding.burn_us:g}",
        finding.verdict or NO_VERDICT,
        finding.control_verdict or NO_VERDICT,
        str(finding.sessions),
        format_duration(finding.seconds),
    )


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [Row((TextCell(name), *map(NumberCell, cells))) for name, *cells in lines]
    return markdown_table(Table("", [Column(title) for title in titles], rows))


def _verdict_title(verdict: str) -> str:
    return verdict if verdict in (UNDECIDED, NO_VERDICT) else f"called {verdict}"


def _number(value: float | None, form: str = ".2f") -> str:
    return "" if value is None else format(value, form)


def csv_text(findings: Sequence[Finding]) -> str:
    """Return a line for each run, with all digits; an empty field is not available."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Finding.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(finding.model_dump() for finding in findings)
    return text.getvalue()


def fill_readme(readme: str, result: Result) -> str:
    """Return the README with the answer in the place of the headline. Raises ConfigError if there is no such place."""
    sentences = f"{answer(result.tally, result.design.budget_s)} {claim(result.tally.found)}"
    return fill_block(readme, "headline", wrap(f"{sentences} See {PAGE_LINK}."))
