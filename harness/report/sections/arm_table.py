"""The table of arms, the main table of a run's report: what was measured, and the difference from the reference."""

from collections.abc import Iterator
from dataclasses import replace

from harness.model import HEADLINE_METRICS, METRICS, ArmSummary, Comparison, Summary
from harness.report.cells import ABSENT, format_milliseconds, format_rate, percent_cell, select_columns, us_cell
from harness.report.document import Cell, Column, NumberCell, Row, Table, TextCell, VerdictCell
from harness.report.figures.style import arm_styles
from harness.report.select import (
    group_by_root,
    has_several_references,
    headline_metric,
    is_kept_undecided_by_holm,
    main_comparisons,
)

MEASUREMENTS, COMPARISONS = "Measurements", "Comparisons"
AGAINST = "against"
ARM_COLUMNS = (
    Column("arm"),
    Column("requests/s", group=MEASUREMENTS),
    Column("ms/request", group=MEASUREMENTS),
    Column("p99 ms", group=MEASUREMENTS),
    Column("CPU us", "nginx + app", MEASUREMENTS),
    Column(AGAINST, group=COMPARISONS),
    Column("difference", "95 % interval", COMPARISONS),
    Column("us", "95 % interval", COMPARISONS),
    Column("verdict", group=COMPARISONS),
)
TIME_COLUMNS = ("ms/request", "p99 ms", "us")  # which a search for a capacity leaves empty


def arm_table(summary: Summary) -> Table:
    """Return a row for each arm, below the row of its reference, which is named where an arm has several of them."""
    is_rate = METRICS[headline_metric(summary)].is_rate
    columns = [
        replace(column, title="capacity") if is_rate and column.title == "difference" else column
        for column in ARM_COLUMNS
    ]
    left_out = TIME_COLUMNS if is_rate else ()
    if not has_several_references(main_comparisons(summary)):
        left_out = (*left_out, AGAINST)
    shown = [place for place, column in enumerate(columns) if place and column.title not in left_out]
    return select_columns(Table("", columns, list(_arm_rows(summary))), shown)


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
    return Row(
        (*_measured_cells(summary, name), TextCell(""), NumberCell(), NumberCell(), verdict), _color(summary, name)
    )


def _color(summary: Summary, name: str) -> str:
    return arm_styles(summary)[name].color


def _compared_cells(summary: Summary, comparison: Comparison) -> tuple[Cell, ...]:
    verdict = VerdictCell(comparison.verdict, is_kept_undecided_by_holm(summary, comparison), comparison.metric)
    return TextCell(comparison.against), percent_cell(comparison), us_cell(comparison), verdict


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
