"""The cells of tables: those of an effect, the text of each, and tables divided into columns that fit."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil

from harness.model import (
    Comparison,
    FactorInteraction,
    Interaction,
    JointEffect,
    LevelEffect,
    MainEffect,
    NonAdditivity,
    RungEffect,
    TailEffect,
)
from harness.report.document import (
    Cell,
    Column,
    IntervalCell,
    Row,
    Table,
    TextCell,
    VerdictCell,
)
from harness.report.format import (
    amount_interval,
    format_signed,
    format_significant,
    interval_numbers,
    percent_interval,
    percent_range,
    verdict_word,
)

ABSENT = "-"
PERCENT = " %"  # the unit of a cell

STAR = " *"
STAR_NOTE = "* The interval excludes zero, but Holm's correction leaves the verdict undecided."
STAR_NOTE_MANY_EFFECTS = (
    "* The interval excludes zero, but the correction for this many effects leaves the verdict undecided."
)

ReportedEffect = (
    Comparison
    | Interaction
    | LevelEffect
    | JointEffect
    | MainEffect
    | FactorInteraction
    | TailEffect
    | RungEffect
    | NonAdditivity
)


def is_undecided_by_correction(effect: ReportedEffect) -> bool:
    """Return whether the unadjusted interval excludes zero and only a correction keeps the verdict undecided."""
    estimate = percent_interval(effect)
    is_open = effect.verdict == "undecided" and (effect.p_adjusted or 0) >= 1 - effect.confidence
    return is_open and estimate is not None and estimate.excludes_zero


def percent_cell(effect: ReportedEffect) -> IntervalCell:
    """Return the difference in percent."""
    return IntervalCell(effect.in_percent, PERCENT, 1, effect.margin_percent)


def us_cell(effect: ReportedEffect) -> IntervalCell:
    """Return the difference in microseconds."""
    return IntervalCell(effect.in_us)


def verdict_cell(effect: ReportedEffect) -> VerdictCell:
    """Return the verdict, with a star where only a correction keeps it undecided."""
    return VerdictCell(effect.verdict, is_undecided_by_correction(effect), effect.metric)


def effect_cells(effect: ReportedEffect) -> tuple[Cell, ...]:
    """Return the difference in percent, in microseconds, and the verdict."""
    return percent_cell(effect), us_cell(effect), verdict_cell(effect)


EFFECT_COLUMNS = (Column("difference", "95 % interval"), Column("us", "95 % interval"), Column("verdict"))


def text_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table of words."""
    return Table("", list(map(Column, titles)), [Row(list(map(TextCell, row))) for row in rows])


def star_notes(tables: Iterable[Table], note: str = STAR_NOTE) -> tuple[str, ...]:
    """Return the `note` that explains stars, if a table has any."""
    cells = (cell for table in tables for row in table.rows for cell in row.cells)
    return (note,) if any(isinstance(cell, VerdictCell) and cell.is_starred for cell in cells) else ()


def cell_parts(cell: Cell) -> tuple[str, str]:
    """Return the text of a cell, and the lesser text that stands beside or below it."""
    if isinstance(cell, VerdictCell):
        return f"{verdict_word(cell.verdict or 'none', cell.metric)}{STAR if cell.is_starred else ''}", ""
    if not isinstance(cell, IntervalCell):
        return cell.text, cell.detail
    if cell.interval is None:
        return ABSENT, ""
    reported = amount_interval(cell.interval, cell.margin)
    if reported is None:
        return f"{format_signed(cell.interval.value, cell.least_decimals, cell.margin)}{cell.unit}", ""
    value, low, high = interval_numbers(reported, cell.least_decimals)
    ends = percent_range(reported, cell.least_decimals) if cell.unit == PERCENT else f"{low} to {high}"
    return f"{value}{cell.unit}", ends


def line_text(parts: tuple[str, str]) -> str:
    """Return a text and its lesser part on one line."""
    text, detail = parts
    return f"{text} ({detail})" if detail else text


def are_numeric(table: Table) -> list[bool]:
    """Return for each column whether it has numbers, which are aligned to the right. The first has names."""
    texts = {
        index
        for row in table.rows
        for index, cell in enumerate(row.cells)
        if index == 0 or isinstance(cell, VerdictCell) or (isinstance(cell, TextCell) and cell.text)
    }
    return [index not in texts for index in range(len(table.columns))]


def pad_rows(table: Table) -> Table:
    """Return the table with as many cells in each row as it has columns."""
    width = len(table.columns)
    rows = [replace(row, cells=(*row.cells, *[TextCell("")] * (width - len(row.cells)))) for row in table.rows]
    return replace(table, rows=rows)


def divide_by_groups(table: Table) -> list[Table]:
    """Return a table for each group of columns, each with the names of the rows; without groups, the table itself."""
    groups = dict.fromkeys(column.group for column in table.columns[1:])
    if len(groups) < 2:
        return [table]
    return [
        replace(
            select_columns(table, [i for i, column in enumerate(table.columns) if i and column.group == group]),
            caption=group or table.caption,
        )
        for group in groups
    ]


def divide_columns(table: Table, most: int) -> list[Table]:
    """Return tables of about the same width with at most `most` columns beside the names of the rows."""
    count = len(table.columns) - 1
    if count <= most:
        return [table]
    width = ceil(count / ceil(count / most))
    return [select_columns(table, range(start, min(start + width, count + 1))) for start in range(1, count + 1, width)]


def select_columns(table: Table, indices: Iterable[int]) -> Table:
    """Return the table with its names and the columns at `indices`."""
    kept = [0, *indices]
    rows = [replace(row, cells=[row.cells[index] for index in kept]) for row in pad_rows(table).rows]
    return replace(table, columns=[table.columns[index] for index in kept], rows=rows)


def format_rate(requests_per_s: float | None) -> str:
    """Return requests per second with four digits."""
    return ABSENT if requests_per_s is None else format_significant(requests_per_s, 4)


def format_milliseconds(us: float | None) -> str:
    """Return microseconds as milliseconds with three decimals."""
    return ABSENT if us is None else f"{us / 1000:.3f}"
