"""Renders a report as text for the terminal, by rich."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
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
from harness.report.document import Cell, Fact, Overview, Report, ReportedDoubt, Section, Table, VerdictCell
from harness.report.format import NO_BREAK, SPACE_BEFORE_UNIT, join_with_and

MAX_LINE_WIDTH = 100  # characters in a line of prose
COLUMN_GAP = 2
MOST_DOUBTS, SHORT_TABLE = 2, 5  # doubts in an overview, beside a table of so few rows

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
MIN_TEXT_WIDTH = 9  # characters of a column with words, which wrap where the terminal is narrow
INNER_INDENT = "  "


def render_terminal(report: Report, *, width: int | None = None, color: bool = False, details: bool = True) -> str:
    """Return the report as text. `width` None is the width of the terminal; without `color`: no escape codes.

    Without `details` it is the overview, if the report has one; with them, the answer stands again at the end.
    """
    blocks = _detailed_blocks(report)
    if report.overview and not details:
        blocks = _overview_blocks(report, report.overview)
    parts: list[RenderableType] = []
    for block in blocks:
        parts += ["", *block] if parts and block else block
    return render_parts(parts, width=width, color=color)


def _detailed_blocks(report: Report) -> list[list[RenderableType]]:
    again: list[RenderableType] = [Paragraph(report.overview.answer, style="bold")] if report.overview else []
    return [*_head(report), *_sections(report.sections), *_doubts(report.doubts or ()), again, *_next_steps(report)]


def _overview_blocks(report: Report, overview: Overview) -> list[list[RenderableType]]:
    warning: list[RenderableType] = [Paragraph(report.warning, style=_warning_style(report))] if report.warning else []
    return [
        warning,
        [Paragraph(overview.answer, style="bold")],
        [FittedTable(overview.table)],
        [Paragraph(sentence) for sentence in overview.why],
        [Paragraph(sentence) for sentence in (*overview.certainty, *_brief_doubts(report, overview))],
        _place_lines(overview.places),
    ]


def _brief_doubts(report: Report, overview: Overview) -> Iterator[str]:
    """Yield the first doubts in full where the table leaves space for them, and the kinds of the others.

    The warning has said some of them.
    """
    doubts = [doubt for doubt in report.doubts or () if doubt.seen not in report.warning]
    shown = doubts[:MOST_DOUBTS] if len(overview.table.rows) <= SHORT_TABLE else []
    yield from map(_doubt_text, shown)
    if others := [doubt.kind for doubt in doubts[len(shown) :]]:
        more = " more" if shown else ""
        yield f"{len(others)}{more} {'kind' if len(others) == 1 else 'kinds'} of doubt: {join_with_and(others)}."


def _doubt_text(doubt: ReportedDoubt) -> str:
    where = f" ({doubt.where})" if doubt.where else ""
    return f"Doubt, {doubt.kind}{where}: {doubt.seen}."


def _warning_style(report: Report) -> str:
    return "bold yellow" if report.is_valid else "bold red"


def _head(report: Report) -> Iterator[list[RenderableType]]:
    yield [Paragraph(report.warning, style=_warning_style(report))] if report.warning else []
    yield [Paragraph(report.question, style="italic")] if report.question else []
    yield [Paragraph(sentence, style="bold") for sentence in report.answer]
    yield [Paragraph(sentence) for sentence in report.certainty]


def _sections(sections: Sequence[Section]) -> Iterator[list[RenderableType]]:
    for section in sections:
        if section.is_detail:
            continue
        blocks = list(_section_blocks(section))
        if blocks and section.heading:
            blocks[0].insert(0, bold_heading(section.heading))
        yield from blocks


def _section_blocks(section: Section) -> Iterator[list[RenderableType]]:
    """Yield what stands between empty lines."""
    if section.sentences:
        yield [_bullet(sentence) for sentence in section.sentences]
    for table in section.tables:
        yield [*([Paragraph(table.caption, style="italic")] if table.caption else []), FittedTable(table)]
    if section.notes:
        yield [_bullet(note) for note in section.notes]
    if section.facts:
        yield list(_fact_lines(section.facts))
    if section.listing:
        yield [verbatim(section.listing)]


def _bullet(sentence: str) -> "Paragraph":
    return Paragraph(sentence, first_indent="- ", indent="  ")


def _fact_lines(facts: Sequence[tuple[str, str]]) -> Iterator["Paragraph"]:
    width = max(len(term) for term, _ in facts) + COLUMN_GAP
    yield from (Paragraph(text, first_indent=term.ljust(width), indent=" " * width) for term, text in facts)


def _doubts(doubts: Sequence[ReportedDoubt]) -> Iterator[list[RenderableType]]:
    parts: list[RenderableType] = [bold_heading("Doubts")]
    for doubt in doubts:
        where = f" ({doubt.where})" if doubt.where else ""
        parts.append(_bullet(f"{doubt.kind}{where}: {doubt.seen}."))
        parts.append(Paragraph(doubt.advice, style="dim", first_indent="  ", indent="  "))
    yield parts if doubts else []


def _next_steps(report: Report) -> Iterator[list[RenderableType]]:
    yield _place_lines(report.next_steps)
    yield [Paragraph(report.identity, style="dim")] if report.identity else []


def _place_lines(places: Sequence[Fact]) -> list[RenderableType]:
    """Return paths and commands, each on one line, so that they can be copied."""
    width = max((len(what) for what, _ in places), default=0) + COLUMN_GAP
    return [verbatim(f"{what:{width}}{command}") for what, command in places]


class FittedTable:
    """A table that adapts to the width: without spare columns, divided by its groups, with details below, in parts."""

    def __init__(self, table: Table) -> None:
        """Take the table."""
        self.table = pad_rows(table)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        whole = _without_spare_columns(self.table, width)
        parts = [whole] if _width(whole) <= width else divide_by_groups(whole)
        for index, table in enumerate(fitting for part in parts for fitting in _fit(part, width)):
            yield from [""] if index else []
            yield _rich_table(table, is_stacked=_width(table) > width)


def _without_spare_columns(table: Table, width: int) -> Table:
    """Return the table without as many of its spare columns, the last ones first, as its width requires."""
    while _width(table) > width and (spare := [index for index, c in enumerate(table.columns) if c.is_spare]):
        table = select_columns(table, [index for index in range(1, len(table.columns)) if index != spare[-1]])
    return table


def _fit(table: Table, width: int) -> Iterator[Table]:
    """Yield the table, or parts of its columns that fit, at least one at a time."""
    names, *widths = _column_widths(table, is_stacked=True)
    columns: list[int] = []
    for index, column in enumerate(widths, start=1):
        if columns and names + sum(widths[i - 1] for i in columns) + column - COLUMN_GAP > width:
            yield select_columns(table, columns)
            columns = []
        columns.append(index)
    yield select_columns(table, columns)


def _width(table: Table) -> int:
    return sum(_column_widths(table, is_stacked=False)) - COLUMN_GAP


def _column_widths(table: Table, *, is_stacked: bool) -> list[int]:
    """Return the width of each column with its gap; `is_stacked`: details stand below, and words wrap."""
    columns = zip(*(row.cells for row in table.rows), strict=True) if table.rows else [()] * len(table.columns)
    widths = []
    for index, (head, cells, is_numeric) in enumerate(zip(table.columns, columns, are_numeric(table), strict=True)):
        indent = INNER_INDENT if index == 0 and any(row.is_inner for row in table.rows) else ""
        texts = [f"{head.title}\n{head.detail}", *(indent + _text(cell, is_stacked=is_stacked) for cell in cells)]
        width = max(len(line) for text in texts for line in text.split("\n"))
        widths.append((min(width, MIN_TEXT_WIDTH) if is_stacked and not is_numeric else width) + COLUMN_GAP)
    return widths


def _text(cell: Cell, *, is_stacked: bool) -> str:
    return "\n".join(filter(None, cell_parts(cell))) if is_stacked else line_text(cell_parts(cell))


def _rich_table(table: Table, *, is_stacked: bool) -> RichTable:
    rich_table = empty_table()
    for column, is_numeric in zip(table.columns, are_numeric(table), strict=True):
        justify: JustifyMethod = "right" if is_numeric else "left"
        head = "\n".join(filter(None, (column.title, column.detail)))
        rich_table.add_column(head, justify=justify, no_wrap=is_numeric, overflow="fold")
    for row in table.rows:
        texts = [_styled(cell, is_stacked=is_stacked) for cell in row.cells]
        texts[0] = Text(INNER_INDENT * row.is_inner) + texts[0]
        rich_table.add_row(*texts, end_section=row.ends_group)
    return rich_table


def _styled(cell: Cell, *, is_stacked: bool) -> Text:
    style = VERDICT_STYLES.get(cell.verdict or "none", "") if isinstance(cell, VerdictCell) else ""
    return Text(_text(cell, is_stacked=is_stacked), style=style)


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


def empty_table() -> RichTable:
    """Return an empty table in the common style, with GAP characters between columns."""
    return RichTable(
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
