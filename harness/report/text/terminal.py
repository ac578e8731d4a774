"""Renders a report as text for the terminal, by rich."""

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from harness.report.document import Fact, Overview, Report, ReportedDoubt, Section
from harness.report.format import NO_BREAK, SPACE_BEFORE_UNIT, join_with_and
from harness.report.text.tables import COLUMN_GAP, FittedTable

MAX_LINE_WIDTH = 100  # characters in a line of prose
MOST_DOUBTS, SHORT_TABLE = 2, 5  # doubts in an overview, beside a table of so few rows


def render_terminal(report: Report, *, width: int | None = None, color: bool = False, details: bool = True) -> str:
    """Return the report as text. `width` None is the width of the terminal; without `color`: no escape codes.

    Without `details` it is the overview, if the report has one, and a narrow terminal cuts long texts of some columns;
    with them, the answer stands again at the end.
    """
    blocks = _detailed_blocks(report, is_whole=details)
    if report.overview and not details:
        blocks = _overview_blocks(report, report.overview)
    parts: list[RenderableType] = []
    for block in blocks:
        parts += ["", *block] if parts and block else block
    return render_parts(parts, width=width, color=color)


def _detailed_blocks(report: Report, *, is_whole: bool) -> list[list[RenderableType]]:
    again: list[RenderableType] = [Paragraph(report.overview.answer, style="bold")] if report.overview else []
    sections = _sections(report.sections, is_whole=is_whole)
    return [*_head(report), *sections, *_doubts(report.doubts or ()), again, *_next_steps(report)]


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


def _sections(sections: Sequence[Section], *, is_whole: bool) -> Iterator[list[RenderableType]]:
    for section in sections:
        if section.is_detail:
            continue
        blocks = list(_section_blocks(section, is_whole=is_whole))
        if blocks and section.heading:
            blocks[0].insert(0, bold_heading(section.heading))
        yield from blocks


def _section_blocks(section: Section, *, is_whole: bool) -> Iterator[list[RenderableType]]:
    """Yield what stands between empty lines."""
    if section.sentences:
        yield [_bullet(sentence) for sentence in section.sentences]
    for table in section.tables:
        caption = [Paragraph(table.caption, style="italic")] if table.caption else []
        yield [*caption, FittedTable(table, is_whole=is_whole)]
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
