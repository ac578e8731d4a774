"""Tables for the terminal: the arms, their comparisons, and the tables of sections."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table
from rich.text import Text

from harness.model import HEADLINE, ArmSummary, Comparison, Summary
from harness.report.page import GAP, grid
from harness.report.selection import by_root, kept_undecided
from harness.report.sheet import (
    ABSENT,
    NOTHING,
    STAR,
    WORDS,
    Cell,
    Sheet,
    difference_cell,
    joined,
    milliseconds,
    rate,
    verdict_text,
)
from harness.report.wording import percent_of, us_of

STYLES: Mapping[str, str] = {
    "agree": "cyan",
    "differ": "red",
    "faster": "green",
    "slower": "red",
    "equivalent": "cyan",
    "undecided": "yellow",
    "none": "bold red",
}
MIN_NAME_WIDTH = 20  # characters, where names have to wrap


@dataclass(frozen=True, slots=True)
class ArmRow:
    """An arm in the group of its reference. The reference is the first row and has no comparison."""

    name: str
    arm: ArmSummary
    comparison: Comparison | None
    verdict: str
    ends_group: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of cells; numbers are aligned to the right and do not wrap."""

    header: str
    cells: Sequence[Cell]
    numeric: bool = True

    def width(self, *, stacked: bool) -> int:
        """Return the width in characters; `stacked`: intervals stand below their values."""
        texts = [self.header, *(_cell_text(cell, stacked=stacked) for cell in self.cells)]
        return max(len(line) for text in texts for line in text.split("\n"))


@dataclass(frozen=True, slots=True)
class ArmTables:
    """One table with a line per arm, or, where it is too wide, two: measurements and comparisons."""

    summary: Summary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows, width = list(_arm_rows(self.summary)), options.max_width
        names = Column("arm", [(row.name, "") for row in rows], numeric=False)
        measured, compared = _measured_columns(rows), _compared_columns(rows)
        whole, ends = [names, *measured, *compared], [row.ends_group for row in rows]
        if _width(whole, stacked=False) <= width:
            yield _table(whole, width, ends)
            return
        yield _table([names, *measured], width, ends)
        yield ""
        yield _table([names, *compared], width, ends)


@dataclass(frozen=True, slots=True)
class SheetTable:
    """The table of a section. Where it is too wide, intervals stand below their values."""

    sheet: Sheet

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = zip(*self.sheet.rows, strict=True)
        columns = [
            Column(header, column, numeric=header not in WORDS and index > 0)
            for index, (header, column) in enumerate(zip(self.sheet.header, cells, strict=True))
        ]
        yield _table(columns, options.max_width)


def _arm_rows(summary: Summary) -> Iterator[ArmRow]:
    comparisons = [c for c in summary.comparisons if c.metric in HEADLINE]
    for reference, group in by_root(comparisons).items():
        yield ArmRow(reference, summary.arms[reference], None, "reference")
        yield from (_arm_row(summary, c, ends_group=c is group[-1]) for c in group)
    compared = {name for c in comparisons for name in (c.arm, c.against)}
    yield from (ArmRow(name, arm, None, ABSENT) for name, arm in summary.arms.items() if name not in compared)


def _arm_row(summary: Summary, comparison: Comparison, *, ends_group: bool) -> ArmRow:
    verdict = verdict_text(comparison.verdict, starred=kept_undecided(summary, comparison))
    return ArmRow(comparison.arm, summary.arms[comparison.arm], comparison, verdict, ends_group)


def _measured_columns(rows: Sequence[ArmRow]) -> list[Column]:
    arms = [row.arm for row in rows]
    return [
        Column("requests/s", [(rate(arm.requests_per_s), "") for arm in arms]),
        Column("ms/request", [(milliseconds(arm.mean_us), "") for arm in arms]),
        Column("p99 ms", [(milliseconds(arm.p99_us), "") for arm in arms]),
        Column("CPU us\nnginx + app", [_cpu(arm) for arm in arms]),
    ]


def _compared_columns(rows: Sequence[ArmRow]) -> list[Column]:
    comparisons = [row.comparison for row in rows]
    percent = [difference_cell(percent_of(c), 1, " %") if c else NOTHING for c in comparisons]
    us = [difference_cell(us_of(c), 0, "") if c else NOTHING for c in comparisons]
    return [
        Column("difference\n95 % interval", percent),
        Column("us\n95 % interval", us),
        Column("verdict", [(row.verdict, "") for row in rows], numeric=False),
    ]


def _cpu(arm: ArmSummary) -> Cell:
    if not arm.cpu_us:
        return (ABSENT, "")
    return (f"{sum(arm.cpu_us.values()):.0f}", " + ".join(f"{us:.0f}" for us in arm.cpu_us.values()))


def _width(columns: Sequence[Column], *, stacked: bool) -> int:
    return sum(column.width(stacked=stacked) for column in columns) + GAP * (len(columns) - 1)


def _table(columns: Sequence[Column], width: int, ends: Sequence[bool] = ()) -> Table:
    """Return the table; `ends` marks the last row of each group."""
    stacked = _width(columns, stacked=False) > width
    table = grid()
    for column in columns:
        justify: JustifyMethod = "right" if column.numeric else "left"
        table.add_column(column.header, justify=justify, no_wrap=column.numeric, overflow="fold")
    for index, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        cells = [_cell_text(cell, stacked=stacked) for cell in row]
        table.add_row(*(_styled(cell) for cell in cells), end_section=bool(ends) and ends[index])
    return table


def _cell_text(cell: Cell, *, stacked: bool) -> str:
    return "\n".join(filter(None, cell)) if stacked else joined(cell)


def _styled(cell: str) -> Text:
    return Text(cell, style=STYLES.get(cell.removesuffix(STAR), ""))


@dataclass(frozen=True, slots=True)
class PlainTable:
    """Names on the left, numbers on the right; several tables below each other where one is too wide."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names, *numbers = (max(map(len, column)) + GAP for column in zip(self.header, *self.rows, strict=True))
        for index, columns in enumerate(_column_groups(numbers, options.max_width - min(names, MIN_NAME_WIDTH))):
            yield from [""] if index else []
            yield self._part([0, *columns])

    def _part(self, columns: Sequence[int]) -> Table:
        part = grid()
        for column in columns:
            part.add_column(self.header[column], justify="right" if column else "left", no_wrap=bool(column))
        for row in self.rows:
            part.add_row(*(row[column] for column in columns))
        return part


def _column_groups(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Yield the columns from 1 on, in groups that fit into `room`, at least one at a time."""
    columns: list[int] = []
    for column, width in enumerate(widths, start=1):
        if columns and sum(widths[index - 1] for index in columns) + width > room:
            yield columns
            columns = []
        columns.append(column)
    yield columns
