"""Tables on a terminal, by rich: how they adapt to its width."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from harness.report.cells import (
    are_numeric,
    cell_parts,
    divide_by_groups,
    line_text,
    pad_rows,
    select_columns,
)
from harness.report.document import Cell, Column, Row, Table, TextCell, VerdictCell

COLUMN_GAP = 2
MIN_TEXT_WIDTH = 9  # characters of a column with words, which wrap where the terminal is narrow
MIN_CUT_WIDTH = 12  # characters of a text that is cut
WORD = re.compile(r"^\s*\S+|\S+")
INNER_INDENT = "  "

VERDICT_STYLES: Mapping[str, str] = {
    "agree": "cyan",
    "differ": "red",
    "faster": "green",
    "slower": "red",
    "equivalent": "cyan",
    "undecided": "yellow",
    "none": "bold red",
    "confirmed": "green",
    "contradicted": "red",
    "cannot be decided": "yellow",
    "ok": "green",
    "doubt": "yellow",
    "missing": "bold red",
}


class FittedTable:
    """A table that adapts to the width: without spare columns, divided by its groups, with details below, in parts.

    Unless it `is_whole`, it first cuts long texts of some columns. Words and numbers never break; it may be too wide.
    """

    def __init__(self, table: Table, *, is_whole: bool = True) -> None:
        """Take the table."""
        self.table = pad_rows(table)
        self.is_whole = is_whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        whole = _without_spare_columns(self.table if self.is_whole else _with_cut_texts(self.table, width), width)
        parts = [whole] if _width(whole) <= width else divide_by_groups(whole)
        for index, table in enumerate(fitting for part in parts for fitting in _fit(part, width)):
            yield from [""] if index else []
            yield _rich_table(table, width)


def _with_cut_texts(table: Table, width: int) -> Table:
    """Return the table with texts as short as its width requires, those of its first columns first."""
    widths = _column_widths(table, is_stacked=False)
    excess = _width(table) - width
    room: dict[int, int] = {}
    for index, column in enumerate(table.columns):
        least = max(MIN_CUT_WIDTH, len(column.title))
        if column.cut and excess > 0 and least < widths[index]:
            room[index] = max(widths[index] - excess, least)
            excess -= widths[index] - room[index]
    return replace(table, rows=[_with_cut_cells(row, table.columns, room) for row in table.rows]) if room else table


def _with_cut_cells(row: Row, columns: Sequence[Column], room: Mapping[int, int]) -> Row:
    cells = [
        replace(cell, text=cut_text(cell.text, room[index], is_list=column.cut == "list"))
        if index in room and isinstance(cell, TextCell)
        else cell
        for index, (cell, column) in enumerate(zip(row.cells, columns, strict=True))
    ]
    return replace(row, cells=cells)


def cut_text(text: str, width: int, *, is_list: bool) -> str:
    """Return at most `width` characters of the text: of a list the items that fit, or else both ends."""
    if len(text) <= width:
        return text
    kept = text
    while is_list and ", " in kept:
        kept = kept.rpartition(", ")[0]
        if len(kept) + len(", …") <= width:
            return f"{kept}, …"
    head = width // 2
    return f"{text[:head]}…{text[len(text) - (width - head - 1) :]}"


def _without_spare_columns(table: Table, width: int) -> Table:
    """Return the table without as many of its spare columns, the last ones first, as its width requires."""
    while _width(table) > width and (spare := [index for index, c in enumerate(table.columns) if c.is_spare]):
        table = select_columns(table, [index for index in range(1, len(table.columns)) if index != spare[-1]])
    return table


def _fit(table: Table, width: int) -> Iterator[Table]:
    """Yield the table, or parts of its columns that fit, at least one at a time."""
    names, *widths = _least_widths(table)
    columns: list[int] = []
    for index in range(1, len(table.columns)):
        if columns and _total_width([names, *(widths[place - 1] for place in (*columns, index))]) > width:
            yield select_columns(table, columns)
            columns = []
        columns.append(index)
    yield select_columns(table, columns)


def _width(table: Table) -> int:
    return _total_width(_column_widths(table, is_stacked=False))


def _total_width(widths: Sequence[int]) -> int:
    return sum(widths) + COLUMN_GAP * (len(widths) - 1)


def _column_widths(table: Table, *, is_stacked: bool) -> list[int]:
    """Return the width of the longest line of each column; `is_stacked`: details stand below."""
    return [max(map(cell_len, lines)) for lines in _column_lines(table, is_stacked=is_stacked)]


def _least_widths(table: Table) -> list[int]:
    """Return the width of each column where details stand below and words wrap."""
    widths = []
    for lines, is_numeric in zip(_column_lines(table, is_stacked=True), are_numeric(table), strict=True):
        whole = max(map(cell_len, lines))
        widths.append(whole if is_numeric else max(min(whole, MIN_TEXT_WIDTH), _longest_word(lines)))
    return widths


def _longest_word(lines: Iterable[str]) -> int:
    return max((cell_len(word) for line in lines for word in WORD.findall(line)), default=0)


def _column_lines(table: Table, *, is_stacked: bool) -> list[list[str]]:
    """Return the lines of each column, with its head."""
    lines = [[head.title, head.detail] for head in table.columns]
    for row in table.rows:
        for index, cell in enumerate(row.cells):
            indent = INNER_INDENT if row.is_inner and not index else ""
            lines[index] += (indent + _text(cell, is_stacked=is_stacked)).split("\n")
    return lines


def _fitted_widths(table: Table, width: int) -> list[int]:
    """Return the width of each column: where the table is too wide, the widest columns wrap first."""
    widths = _column_widths(table, is_stacked=_width(table) > width)
    least = _least_widths(table)
    while _total_width(widths) > width and (wide := [place for place, own in enumerate(widths) if own > least[place]]):
        widths[max(wide, key=widths.__getitem__)] -= 1
    return [max(own, 1) for own in widths]


def _text(cell: Cell, *, is_stacked: bool) -> str:
    return "\n".join(filter(None, cell_parts(cell))) if is_stacked else line_text(cell_parts(cell))


def _rich_table(table: Table, width: int) -> RichTable:
    """Return the table with columns of fixed width, which rich need not measure."""
    is_stacked = _width(table) > width
    widths = _fitted_widths(table, width)
    rich_table = _empty_table()
    rich_table.width = _total_width(widths)
    for column, is_numeric, column_width in zip(table.columns, are_numeric(table), widths, strict=True):
        justify: JustifyMethod = "right" if is_numeric else "left"
        head = "\n".join(filter(None, (column.title, column.detail)))
        rich_table.add_column(
            head, justify=justify, no_wrap=is_numeric or not is_stacked, overflow="fold", width=column_width
        )
    for row in table.rows:
        texts = [_styled(cell, is_stacked=is_stacked) for cell in row.cells]
        texts[0] = Text(INNER_INDENT * row.is_inner) + texts[0]
        rich_table.add_row(*texts, end_section=row.ends_group)
    return rich_table


def _styled(cell: Cell, *, is_stacked: bool) -> Text:
    style = VERDICT_STYLES.get(cell.verdict or "none", "") if isinstance(cell, VerdictCell) else ""
    return Text(_text(cell, is_stacked=is_stacked), style=style)


def _empty_table() -> RichTable:
    """Return an empty table in the common style, with COLUMN_GAP characters between columns."""
    return RichTable(
        box=box.SIMPLE_HEAD, padding=(0, COLUMN_GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold"
    )
