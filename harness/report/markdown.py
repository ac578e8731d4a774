"""Renders a result as Markdown for a pull request: the answer, one table, what qualifies it, the doubts."""

import re
from collections.abc import Iterable, Iterator, Sequence

from harness.model import HEADLINE, ArmSummary, Comparison, Design, Summary
from harness.report import caveats, sentences
from harness.report.applications import application_note
from harness.report.doubts import folded
from harness.report.ladder.sentences import ladder_note
from harness.report.sections import sections_of
from harness.report.selection import by_root
from harness.report.sheet import ABSENT, WORDS, Section, joined
from harness.report.tables import milliseconds, rate
from harness.report.why.sentences import why
from harness.report.why.tables import counter_rows, difference_tables, waterfall_rows
from harness.report.wording import decimals, difference, percent_of, signed, us_of

COLUMNS = {  # header: alignment
    "arm": ":--",
    "requests/s": "--:",
    "ms/request": "--:",
    "p99 ms": "--:",
    "CPU us (nginx + app)": "--:",
    "difference (95 % interval)": "--:",
    "us (95 % interval)": "--:",
    "verdict": ":--",
}
CODE = re.compile(r"(`[^`]*`)")
SPECIAL = re.compile(r"([\\*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_]))")  # but for underscores inside a word

Cells = tuple[str, ...]


def render_markdown(summary: Summary, design: Design | None) -> str:
    """The report in GitHub's flavour. Without `design` no margin is named."""
    blocks = [
        *_head(summary, design),
        _table(summary),
        *_notes(summary, design),
        *in_sections(sections_of(summary, design)),
        *_why(summary),
        *_doubts(summary),
    ]
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """`text` such that it reads as it is; what stands between backticks stays code."""
    parts = CODE.split(text)
    return "".join(part if CODE.fullmatch(part) else SPECIAL.sub(r"\\\1", part) for part in parts)


def _head(summary: Summary, design: Design | None) -> Iterator[str]:
    first = caveats.first_line(summary)
    if first:
        verdict, _, reasons = first.partition(". ")
        yield f"> [!WARNING]\n> **{verdict}.** {escaped(reasons)}"
    if summary.question:
        yield f"*{escaped(summary.question)}*"
    yield f"**{escaped(sentences.answer(summary, design))}**"


def _table(summary: Summary) -> str:
    lines = [tuple(COLUMNS), tuple(COLUMNS.values()), *_rows(summary)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rows(summary: Summary) -> Iterator[Cells]:
    """Each reference, then the arms compared with it."""
    comparisons = [comparison for comparison in summary.comparisons if comparison.metric in HEADLINE]
    for reference, group in by_root(comparisons).items():
        yield (*_measured(reference, summary.arms[reference]), "", "", "reference")
        for comparison in group:
            yield (*_measured(comparison.arm, summary.arms[comparison.arm]), *_compared(summary, comparison))


def _measured(name: str, arm: ArmSummary) -> Cells:
    used_us = [f"{us:.0f}" for us in arm.cpu_us.values()]
    cpu = f"{sum(arm.cpu_us.values()):.0f} ({' + '.join(used_us)})" if used_us else ABSENT
    return escaped(name), rate(arm.requests_per_s), milliseconds(arm.mean_us), milliseconds(arm.p99_us), cpu


def _compared(summary: Summary, comparison: Comparison) -> Cells:
    percent, us = percent_of(comparison), us_of(comparison)
    mark = r" \*" if caveats.kept_undecided(summary, comparison) else ""
    return (
        difference(percent, named=False) if percent else ABSENT,
        _interval([us.value, us.low, us.high], decimals(us.half_width, 0)) if us else ABSENT,
        f"{comparison.verdict or 'none'}{mark}",
    )


def _interval(numbers: Sequence[float], places: int) -> str:
    value, low, high = (signed(number, places) for number in numbers)
    return f"{value} ({low} to {high})"


def _notes(summary: Summary, design: Design | None) -> Iterator[str]:
    holm = caveats.holm_note(summary)
    notes = [
        f"* {holm}" if holm else "",
        ladder_note(summary),
        *caveats.absences(summary),
        *caveats.disagreements(summary),
        sentences.cpu(summary),
        sentences.throughput(summary),
        caveats.effort(summary, design),
        application_note(summary),
    ]
    yield "\n".join(f"- {escaped(note)}" for note in filter(None, notes))


def in_sections(sections: Iterable[Section]) -> Iterator[str]:
    for section in sections:
        yield f"**{escaped(section.heading)}**"
        yield "\n".join(f"- {escaped(sentence)}" for sentence in section.sentences)
        for sheet in section.sheets:
            yield escaped(f"{sheet.caption}:")
            yield plain_table(list(map(_one_line, sheet.header)), [list(map(joined, row)) for row in sheet.rows])


def _one_line(header: str) -> str:
    name, _, lesser = header.partition("\n")
    return joined((name, lesser))


def _why(summary: Summary) -> Iterator[str]:
    sentences = why(summary)
    if sentences:
        yield "**Why**"
        yield from (plain_table(header, rows) for header, rows in difference_tables(summary))
        yield "\n".join(f"- {escaped(sentence)}" for sentence in sentences)
    for waterfall in summary.waterfalls:
        yield plain_table((f"where the time of {waterfall.arm} goes", "us per request"), waterfall_rows(waterfall))
    header, rows = counter_rows(summary, chief=True)
    if rows:
        yield plain_table(header, rows)


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Names and words on the left, numbers on the right."""
    lines = [header, (":--", *(":--" if name in WORDS else "--:" for name in header[1:])), *rows]
    return "\n".join(f"| {' | '.join(map(escaped, line))} |" for line in lines)


def _doubts(summary: Summary) -> Iterator[str]:
    folds = folded(summary)
    if folds:
        yield "**Doubts**"
        yield "\n".join(
            f"- **{fold.kind}**{f' ({escaped(fold.where)})' if fold.where else ''}: "
            f"{escaped(fold.seen)}. {escaped(fold.advice)}"
            for fold in folds
        )
