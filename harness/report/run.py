"""The report of a run."""

import shlex
from collections.abc import Iterator
from dataclasses import replace

from harness.analysis.calibration import Calibration
from harness.model import HEADLINE_METRICS, ArmSummary, Comparison, Design, Summary
from harness.report import answer, caveats
from harness.report.commands.machine import calibration_note
from harness.report.commands.plan import pilot_plan
from harness.report.document import Cell, Column, Fact, NumberCell, Report, Row, Section, Table, TextCell, VerdictCell
from harness.report.figures.intervals import forest_figure
from harness.report.figures.style import arm_styles
from harness.report.sections import run_sections
from harness.report.sections.background import PageData, background_sections
from harness.report.sections.failures import application_note
from harness.report.sections.ladder import ladder_note
from harness.report.select import (
    PROGRAM_NAME,
    group_by_root,
    headline_metric,
    is_kept_undecided_by_holm,
    repeat_command,
    resume_command,
)
from harness.report.table import ABSENT, format_milliseconds, format_rate, percent_cell, us_cell

MEASUREMENTS, COMPARISONS = "Measurements", "Comparisons"
ARM_COLUMNS = (
    Column("arm"),
    Column("requests/s", group=MEASUREMENTS),
    Column("ms/request", group=MEASUREMENTS),
    Column("p99 ms", group=MEASUREMENTS),
    Column("CPU us", "nginx + app", MEASUREMENTS),
    Column("difference", "95 % interval", COMPARISONS),
    Column("us", "95 % interval", COMPARISONS),
    Column("verdict", group=COMPARISONS),
)


def report_of(
    summary: Summary, design: Design | None, *, command: str = PROGRAM_NAME, page: PageData | None = None
) -> Report:
    """Return the report. Without `design` it names no margin; the commands at its end begin with `command`.

    With the data of a `page` it has figures and the background, and its commands are for the directory of the page.
    """
    report = Report(
        title=summary.experiment,
        warning=caveats.reliability_warning(summary),
        is_valid=summary.valid,
        question=summary.question,
        answer=[answer.summary_answer(summary, design)],
        certainty=list(_certainty(summary, design)),
        sections=[
            Section("The numbers", tables=[arm_table(summary)], notes=list(_notes(summary))),
            *run_sections(summary, design),
        ],
        doubts=caveats.group_doubts(summary),
        next_steps=list(_next_steps(summary, command)),
    )
    return _with_page(report, summary, page) if page else report


def _with_page(report: Report, summary: Summary, page: PageData) -> Report:
    started = page.plots.started_utc[:16].replace("T", " ")
    repeat = [("Repeat", f"`{repeat_command(summary, 'experiment.toml')}`"), ("Re-print", "`barehop report .`")]
    resume = [("Resume", f"`{resume_command(summary, '.')}`")] if summary.sessions < summary.planned_sessions else []
    next_steps = Section("Next steps", ["In the directory of this report:"], facts=[*resume, *repeat])
    return replace(
        report,
        title=f"{summary.experiment}, measured {started} UTC by barehop",
        question=summary.question or summary.experiment,
        figure=forest_figure(summary, page.plan.experiment.design, headline_metric(summary)),
        background=[*background_sections(summary, page), next_steps],
        next_steps=(),
    )


def _certainty(summary: Summary, design: Design | None) -> Iterator[str]:
    yield from caveats.control_sentences(summary, "equivalent")
    yield caveats.effort_note(summary, design)
    if summary.schedule and summary.pilot:
        yield pilot_plan(summary.schedule, summary.pilot)
    if summary.calibration:
        yield calibration_note(Calibration.model_validate(summary.calibration))


def _notes(summary: Summary) -> Iterator[str]:
    holm = caveats.holm_note(summary)
    notes = [f"* {holm}" if holm else "", ladder_note(summary)]
    notes += [*caveats.missing_numbers(summary), *caveats.contradictions(summary)]
    metrics = ("throughput",) if summary.ladders else ("cpu", "throughput")
    notes += [*(answer.metric_sentence(summary, metric) for metric in metrics), application_note(summary)]
    yield from filter(None, notes)


def arm_table(summary: Summary) -> Table:
    """Return what was measured of each arm, and its difference from its reference; a reference stands on top."""
    return Table("", ARM_COLUMNS, list(_arm_rows(summary)))


def _arm_rows(summary: Summary) -> Iterator[Row]:
    comparisons = [comparison for comparison in summary.comparisons if comparison.metric in HEADLINE_METRICS]
    for reference, group in group_by_root(comparisons).items():
        yield _uncompared_row(summary, reference, VerdictCell("reference"))
        for comparison in group:
            cells = (*_measured_cells(summary, comparison.arm), *_compared_cells(summary, comparison))
            yield Row(cells, _color(summary, comparison.arm), ends_group=comparison is group[-1])
    compared = {name for comparison in comparisons for name in (comparison.arm, comparison.against)}
    yield from (_uncompared_row(summary, name, TextCell(ABSENT)) for name in summary.arms if name not in compared)


def _uncompared_row(summary: Summary, name: str, verdict: Cell) -> Row:
    return Row((*_measured_cells(summary, name), NumberCell(), NumberCell(), verdict), _color(summary, name))


def _color(summary: Summary, name: str) -> str:
    return arm_styles(summary)[name].color


def _compared_cells(summary: Summary, comparison: Comparison) -> tuple[Cell, ...]:
    verdict = VerdictCell(comparison.verdict, is_kept_undecided_by_holm(summary, comparison))
    return percent_cell(comparison), us_cell(comparison), verdict


def _measured_cells(summary: Summary, name: str) -> tuple[Cell, ...]:
    arm = summary.arms[name]
    return (
        TextCell(name),
        NumberCell(format_rate(arm.requests_per_s)),
        NumberCell(format_milliseconds(arm.mean_us)),
        NumberCell(format_milliseconds(arm.p99_us)),
        _cpu_cell(arm),
    )


def _cpu_cell(arm: ArmSummary) -> NumberCell:
    if not arm.cpu_us:
        return NumberCell(ABSENT)
    return NumberCell(f"{sum(arm.cpu_us.values()):.0f}", " + ".join(f"{us:.0f}" for us in arm.cpu_us.values()))


def _next_steps(summary: Summary, command: str) -> Iterator[Fact]:
    directory = summary.directory
    yield "Results", directory
    yield "Report (HTML)", f"{directory}/report.html"
    if summary.sessions < summary.planned_sessions:
        yield "Resume", resume_command(summary, directory, command)
    yield "Repeat", repeat_command(summary, f"{directory}/experiment.toml", command)
    yield "Re-print", f"{command} report {shlex.quote(directory)}"
