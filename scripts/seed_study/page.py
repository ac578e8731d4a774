"""Renders the page that answers the write-up, from a template and the numbers of a study."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from harness.model import Comparison, Summary
from harness.model.validation import SocketBound, Validation
from harness.report import answer, caveats
from harness.report.cells import format_milliseconds, percent_cell, us_cell, verdict_cell
from harness.report.commands.validation import (
    bound_sentences,
    claim_explanation,
    place_sections,
    share_sections,
    spread_sentences,
)
from harness.report.document import Column, NumberCell, Row, Section, Table, TextCell
from harness.report.format import format_duration, join_with_and
from harness.report.sections.background import machine_facts, version_facts
from harness.report.select import control_comparisons, main_comparisons
from harness.report.text.markdown import markdown_sections, markdown_table
from scripts.markdown_page import render_markdown
from scripts.seed_study.singles import Singles, singles_of
from scripts.seed_study.study import BASELINE, LADDER, QUOTA, RUNS, SEED, Study

HEAD = ("arm", "ms per request", "p99 ms", "against", "difference, %", "us", "verdict")
PROGRAMS = ("barehop", "Python", "nginx", "gunicorn", "uvicorn", "starlette")
KIND = ("System", "CPUs", "Virtual")  # describes the kind of machine, not the individual one


def page_of(study: Study) -> str:
    """Return the page as Markdown; every number comes from `study`."""
    summaries, validation = study.summaries, study.validation
    return render_markdown(
        Path(__file__).with_name("page.md.j2"),
        machine=[fact for fact in machine_facts(study.host) if fact[0] in KIND],
        versions=[version for version in version_facts(study.host) if version[0] in PROGRAMS],
        baseline=summaries[BASELINE],
        seed=summaries[SEED],
        ladder=summaries.get(LADDER),
        quota=summaries.get(QUOTA),
        missing={name: what for name, what in RUNS.items() if name not in summaries},
        what=RUNS,
        answer=lambda summary: answer.summary_answer(summary, None),
        first_line=caveats.reliability_warning,
        cpu=lambda summary: answer.metric_sentence(summary, "cpu"),
        table=_table,
        effort=_effort,
        singles=list(_singles(study)),
        spreads=[said for spread in validation.spreads for said in spread_sentences(spread)],
        bound=list(bound_sentences(validation.bound)) if validation.bound else [],
        fargate=[
            _at(claim.where, claim_explanation(claim, validation))
            for claim in validation.claims
            if _is_fargate(claim.where)
        ],
        so=list(_so(summaries, validation.bound)),
        losses=[claim for claim in validation.claims if _is_fargate(claim.where) and (claim.us or 0) > 0],
        validation=validation,
        whole="\n\n".join(markdown_sections(_cell_by_cell(validation), level=3)),
        precision={row.method: row for row in study.precision},
    )


def _table(summary: Summary) -> str:
    """Return the table of all latency comparisons, the control's first."""
    comparisons = [*control_comparisons(summary), *main_comparisons(summary)]
    return markdown_table(Table("", [Column(title) for title in HEAD], [_row(summary, one) for one in comparisons]))


def _row(summary: Summary, one: Comparison) -> Row:
    arm, against = summary.arms[one.arm], summary.arms[one.against]
    return Row(
        (
            TextCell(one.arm),
            NumberCell(format_milliseconds(arm.mean_us)),
            NumberCell(format_milliseconds(arm.p99_us)),
            NumberCell(f"{one.against} ({format_milliseconds(against.mean_us)})"),
            replace(percent_cell(one), unit=""),
            us_cell(one),
            verdict_cell(one),
        )
    )


def _effort(summary: Summary) -> str:
    return f"{summary.sessions} sessions in {format_duration(summary.seconds.total)}"


def _so(summaries: Mapping[str, Summary], bound: SocketBound | None) -> Iterator[str]:
    """Yield conclusions from ladder and quotas; nothing if one of them was not measured."""
    if bound is None or not bound.ladder or QUOTA not in summaries:
        return
    unix_us, tcp_us = bound.unix_rungs_us, bound.tcp_rungs_us
    slower = [one.arm for one in main_comparisons(summaries[QUOTA]) if one.verdict == "slower"]
    loser = "TCP" if tcp_us > unix_us else "the socket"
    yield (
        f"The container rungs with a significant cost add at most {tcp_us:.0f} us to TCP and {unix_us:.0f} us "
        f"to a Unix socket: by themselves they make {loser} the slower one."
    )
    yield (
        f"With a CPU quota, a Unix socket was slower than TCP in {join_with_and(slower)}."
        if slower
        else "With no CPU quota was a Unix socket slower than TCP."
    )
    if tcp_us > unix_us and not slower:
        yield (
            "None of them explains why a socket should lose. What remains is chance, which single runs cannot exclude, "
            "or a property of those machines that this one does not have."
        )


def _singles(study: Study) -> Iterator[Singles]:
    """Yield the pairs of single runs, the control (A/A) first."""
    summary = study.summaries[SEED]
    for one in [*control_comparisons(summary), *main_comparisons(summary)]:
        found = singles_of(study.records, one.arm, one.against)
        if found:
            yield found


def _cell_by_cell(validation: Validation) -> Iterator[Section]:
    """Yield the sections of each place, without the sentences on Fargate's claims: these are above."""
    for section in place_sections(validation):
        yield replace(section, sentences=[]) if "fargate" in section.heading else section
    yield from share_sections(validation)


def _is_fargate(where: str) -> bool:
    return where.startswith("fargate")


def _at(where: str, said: str) -> str:
    return f"{where}, {said}"
