"""Tables for the terminal, by rich."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from harness.model import HEADLINE_METRICS, ArmSummary, Comparison, Summary
from harness.report.format import NO_BREAK, SPACE_BEFORE_UNIT, percent_interval, us_interval
from harness.report.select import group_by_root, is_kept_undecided_by_holm
from harness.report.table import (
    ABSENT,
    EMPTY_CELL,
    STAR,
    TEXT_COLUMNS,
    DataTable,
    TableCell,
    cell_text,
    difference_cell,
    format_milliseconds,
    format_rate,
    verdict_text,
)

MAX_LINE_WIDTH = 100  # characters in a line of prose
COLUMN_GAP = 2

VERDICT_STYLES: Mapping[str, str] = {
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
class Paragraph:
    """Prose that wraps between words, but never between a number and its unit."""

    text: str
    style: str = ""
    first_indent: str = ""
    indent: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = textwrap.fill(
            SPACE_BEFORE_UNIT.sub(NO_BREAK, self.text),
            min(options.max_width, MAX_LINE_WIDTH),
            initial_indent=self.first_indent,
            subsequent_indent=self.indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield Text(lines.replace(NO_BREAK, " "), style=self.style, no_wrap=True, overflow="ignore")


def verbatim(text: str) -> Group:
    """Return text that never wraps, so that a command line can be copied."""
    return Group(Text(text, no_wrap=True, overflow="ignore"))


def bold_heading(text: str) -> Text:
    """Return a bold heading."""
    return Text(text, style="bold")


def empty_table() -> Table:
    """Return an empty table in the common style, with GAP characters between columns."""
    return Table(
        box=box.SIMPLE_HEAD, padding=(0, COLUMN_GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold"
    )


def render_parts(parts: Iterable[RenderableType], *, width: int | None, color: bool) -> str:
    """Return the `parts` below each other; `width` None is the width of the terminal, or 80 without one."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        console.print(part, crop=False)
    return "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))


@dataclass(frozen=True, slots=True)
class ArmRow:
    """An arm in the group of its reference. The reference is the first row and has no comparison."""

    name: str
    arm: ArmSummary
    comparison: Comparison | None
    verdict: str
    ends_group: bool = False


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of cells; numbers are aligned to the right and do not wrap."""

    header: str
    cells: Sequence[TableCell]
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
        names = TableColumn("arm", [(row.name, "") for row in rows], numeric=False)
        measured, compared = _measured_columns(rows), _compared_columns(rows)
        whole, ends = [names, *measured, *compared], [row.ends_group for row in rows]
        if _width(whole, stacked=False) <= width:
            yield _table(whole, width, ends)
            return
        yield _table([names, *measured], width, ends)
        yield ""
        yield _table([names, *compared], width, ends)


@dataclass(frozen=True, slots=True)
class SectionTable:
    """The table of a section. Where it is too wide, intervals stand below their values."""

    sheet: DataTable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = zip(*self.sheet.rows, strict=True)
        columns = [
            TableColumn(header, column, numeric=header not in TEXT_COLUMNS and index > 0)
            for index, (header, column) in enumerate(zip(self.sheet.header, cells, strict=True))
        ]
        yield _table(columns, options.max_width)


def _arm_rows(summary: Summary) -> Iterator[ArmRow]:
    comparisons = [c for c in summary.comparisons if c.metric in HEADLINE_METRICS]
    for reference, group in group_by_root(comparisons).items():
        yield ArmRow(reference, summary.arms[reference], None, "reference")
        yield from (_arm_row(summary, c, ends_group=c is group[-1]) for c in group)
    compared = {name for c in comparisons for name in (c.arm, c.against)}
    yield from (ArmRow(name, arm, None, ABSENT) for name, arm in summary.arms.items() if name not in compared)


def _arm_row(summary: Summary, comparison: Comparison, *, ends_group: bool) -> ArmRow:
    verdict = verdict_text(comparison.verdict, starred=is_kept_undecided_by_holm(summary, comparison))
    return ArmRow(comparison.arm, summary.arms[comparison.arm], comparison, verdict, ends_group)


def _measured_columns(rows: Sequence[ArmRow]) -> list[TableColumn]:
    arms = [row.arm for row in rows]
    return [
        TableColumn("requests/s", [(format_rate(arm.requests_per_s), "") for arm in arms]),
        TableColumn("ms/request", [(format_milliseconds(arm.mean_us), "") for arm in arms]),
        TableColumn("p99 ms", [(format_milliseconds(arm.p99_us), "") for arm in arms]),
        TableColumn("CPU us\nnginx + app", [_cpu(arm) for arm in arms]),
    ]


def _compared_columns(rows: Sequence[ArmRow]) -> list[TableColumn]:
    comparisons = [row.comparison for row in rows]
    percent = [difference_cell(percent_interval(c), 1, " %") if c else EMPTY_CELL for c in comparisons]
    us = [difference_cell(us_interval(c), 0, "") if c else EMPTY_CELL for c in comparisons]
    return [
        TableColumn("difference\n95 % interval", percent),
        TableColumn("us\n95 % interval", us),
        TableColumn("verdict", [(row.verdict, "") for row in rows], numeric=False),
    ]


def _cpu(arm: ArmSummary) -> TableCell:
    if not arm.cpu_us:
        return (ABSENT, "")
    return (f"{sum(arm.cpu_us.values()):.0f}", " + ".join(f"{us:.0f}" for us in arm.cpu_us.values()))


def _width(columns: Sequence[TableColumn], *, stacked: bool) -> int:
    return sum(column.width(stacked=stacked) for column in columns) + COLUMN_GAP * (len(columns) - 1)


def _table(columns: Sequence[TableColumn], width: int, ends: Sequence[bool] = ()) -> Table:
    """Return the table; `ends` marks the last row of each group."""
    stacked = _width(columns, stacked=False) > width
    table = empty_table()
    for column in columns:
        justify: JustifyMethod = "right" if column.numeric else "left"
        table.add_column(column.header, justify=justify, no_wrap=column.numeric, overflow="fold")
    for index, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        cells = [_cell_text(cell, stacked=stacked) for cell in row]
        table.add_row(*(_verdict_cell(cell) for cell in cells), end_section=bool(ends) and ends[index])
    return table


def _cell_text(cell: TableCell, *, stacked: bool) -> str:
    return "\n".join(filter(None, cell)) if stacked else cell_text(cell)


def _verdict_cell(cell: str) -> Text:
    return Text(cell, style=VERDICT_STYLES.get(cell.removesuffix(STAR), ""))


@dataclass(frozen=True, slots=True)
class TextTableView:
    """Names on the left, numbers on the right; several tables below each other where one is too wide."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names, *numbers = (max(map(len, column)) + COLUMN_GAP for column in zip(self.header, *self.rows, strict=True))
        for index, columns in enumerate(_column_groups(numbers, options.max_width - min(names, MIN_NAME_WIDTH))):
            yield from [""] if index else []
            yield self._part([0, *columns])

    def _part(self, columns: Sequence[int]) -> Table:
        part = empty_table()
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
