"""The report of a run."""

import shlex
from collections.abc import Iterator

from harness.analysis.calibration import Calibration
from harness.model import HEADLINE_METRICS, ArmSummary, Comparison, Design, Summary
from harness.report import answer, caveats
from harness.report.commands.machine import calibration_note
from harness.report.commands.plan import pilot_plan
from harness.report.document import Cell, Column, Fact, NumberCell, Report, Row, Section, Table, TextCell, VerdictCell
from harness.report.sections import optional_sections
from harness.report.sections.failures import application_lines
from harness.report.sections.imported import seed_sections
from harness.report.sections.ladder import ladder_note
from harness.report.sections.why import counter_section, why_sections
from harness.report.select import PROGRAM_NAME, group_by_root, is_kept_undecided_by_holm, repeat_command, resume_command
from harness.report.table import ABSENT, format_milliseconds, format_rate, new_section, percent_cell, us_cell

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


def report_of(summary: Summary, design: Design | None, *, command: str = PROGRAM_NAME) -> Report:
    """Return the report. Without `design` it names no margin; the commands at its end begin with `command`."""
    return Report(
        title=summary.experiment,
        warning=caveats.reliability_warning(summary),
        is_valid=summary.valid,
        question=summary.question,
        answer=[answer.summary_answer(summary, design)],
        certainty=list(_certainty(summary, design)),
        sections=[
            Section("", tables=[arm_table(summary)], notes=list(_notes(summary))),
            *map(new_section, optional_sections(summary, design)),
            *why_sections(summary),
            *seed_sections(summary),
        ],
        doubts=caveats.group_doubts(summary),
        background=[counter_section(summary)],
        next_steps=list(_next_steps(summary, command)),
    )


def _certainty(summary: Summary, design: Design | None) -> Iterator[str]:
    yield caveats.effort_note(summary, design)
    if summary.schedule and summary.pilot:
        yield pilot_plan(summary.schedule, summary.pilot)
    if summary.calibration:
        yield calibration_note(Calibration.model_validate(summary.calibration))


def _notes(summary: Summary) -> Iterator[str]:
    holm = caveats.holm_note(summary)
    notes = [f"* {holm}" if holm else "", ladder_note(summary)]
    notes += [*caveats.missing_numbers(summary), *caveats.contradictions(summary)]
    yield from filter(None, [*notes, answer.cpu_sentence(summary), answer.throughput_sentence(summary)])


def arm_table(summary: Summary) -> Table:
    """Return what was measured of each arm, and its difference from its reference; a reference stands on top."""
    return Table("", ARM_COLUMNS, list(_arm_rows(summary)))


def _arm_rows(summary: Summary) -> Iterator[Row]:
    comparisons = [comparison for comparison in summary.comparisons if comparison.metric in HEADLINE_METRICS]
    for reference, group in group_by_root(comparisons).items():
        yield _uncompared_row(summary, reference, VerdictCell("reference"))
        for comparison in group:
            cells = (*_measured_cells(summary, comparison.arm), *_compared_cells(summary, comparison))
            yield Row(cells, ends_group=comparison is group[-1])
    compared = {name for comparison in comparisons for name in (comparison.arm, comparison.against)}
    yield from (_uncompared_row(summary, name, TextCell(ABSENT)) for name in summary.arms if name not in compared)


def _uncompared_row(summary: Summary, name: str, verdict: Cell) -> Row:
    return Row((*_measured_cells(summary, name), NumberCell(), NumberCell(), verdict))


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
    yield from (("Application", line) for line in application_lines(summary))
    yield "Results", directory
    yield "Report (HTML)", f"{directory}/report.html"
    if summary.sessions < summary.planned_sessions:
        yield "Resume", resume_command(summary, directory, command)
    yield "Repeat", repeat_command(summary, f"{directory}/experiment.toml", command)
    yield "Re-print", f"{command} report {shlex.quote(directory)}"
