"""Renders a report as GitHub-flavoured Markdown, for a pull request: without the commands of its next steps."""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from harness.report.cells import are_numeric, cell_parts, divide_columns, line_text, pad_rows
from harness.report.document import Report, ReportedDoubt, Row, Section, Table
from harness.report.format import pluralize

MOST_ROWS, MOST_NUMBERS = 12, 8  # of a table that is not folded; columns beside its names, of a table in one part
MOST_BULLETS, FIRST_BULLETS = 10, 5  # of a list that is not folded; of a longer one before its fold
INNER_INDENT = "&emsp;"
CODE_SPAN = re.compile(r"(`[^`]*`)")
SPECIAL_CHARACTERS = re.compile(r"([\\*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_]))")  # not an underscore inside a word


def render_markdown(report: Report) -> str:
    """Return the report in Markdown: the title, what was found, the first section in full, then the others."""
    why = escape_markdown(" ".join(report.overview.why)) if report.overview else ""
    numbers, others = report.sections[:1], report.sections[1:]
    blocks = [*_head(report), *markdown_sections(numbers, is_folded=False), why, *_doubts(report.doubts or ())]
    blocks += [*markdown_sections(others), escape_markdown(report.identity)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def escape_markdown(text: str) -> str:
    """Return `text` with special characters escaped; text between backticks stays code."""
    parts = CODE_SPAN.split(text)
    return "".join(part if CODE_SPAN.fullmatch(part) else SPECIAL_CHARACTERS.sub(r"\\\1", part) for part in parts)


def _head(report: Report) -> Iterator[str]:
    yield f"# {escape_markdown(report.title)}"
    if report.warning:
        fault, dot, reasons = report.warning.partition(". ")
        yield f"> [!WARNING]\n> **{escape_markdown(fault)}{dot.strip()}** {escape_markdown(reasons)}".rstrip()
    if report.question:
        yield f"*{escape_markdown(report.question)}*"
    yield from (f"**{escape_markdown(sentence)}**" for sentence in report.answer)
    yield from map(escape_markdown, report.certainty)


def markdown_sections(sections: Iterable[Section], *, level: int = 2, is_folded: bool = True) -> Iterator[str]:
    """Yield the blocks of the sections: heading of a `level`, sentences, tables.

    Details are folded, and with `is_folded` what is long, too.
    """
    for section in sections:
        blocks = list(filter(None, _section_blocks(section, is_folded=is_folded and not section.is_detail)))
        if section.is_detail and blocks:
            captions = [table.caption for table in section.tables if table.caption]
            yield from _fold(section.heading or next(iter(captions), "Details"), blocks)
            continue
        if blocks and section.heading:
            yield f"{'#' * level} {escape_markdown(section.heading)}"
        yield from blocks


def _section_blocks(section: Section, *, is_folded: bool) -> Iterator[str]:
    yield from _list_blocks(section.sentences, is_folded)
    for table in section.tables:
        yield from _table_blocks(table, is_folded)
    yield from _list_blocks(section.notes, is_folded)
    yield _bullets([f"{term}: {text}" for term, text in section.facts])
    yield f"```\n{section.listing.rstrip()}\n```" if section.listing else ""


def _list_blocks(sentences: Sequence[str], is_folded: bool) -> Iterator[str]:
    """Yield the first sentences, and the others folded where there are many."""
    shown = len(sentences) if not is_folded or len(sentences) <= MOST_BULLETS else FIRST_BULLETS
    yield _bullets(sentences[:shown])
    if others := sentences[shown:]:
        yield from _fold(f"{len(others)} more", [_bullets(others)])


def _table_blocks(table: Table, is_folded: bool) -> Iterator[str]:
    """Yield the caption and the table, folded where it is long; a wide one in parts that a page can show."""
    parts = [markdown_table(part) for part in divide_columns(table, MOST_NUMBERS)]
    if is_folded and (len(parts) > 1 or len(table.rows) > MOST_ROWS):
        yield from _fold(f"{table.caption}{': ' * bool(table.caption)}{pluralize(len(table.rows), 'row')}", parts)
        return
    yield escape_markdown(f"{table.caption}:") if table.caption else ""
    yield from parts


def _fold(summary: str, blocks: Iterable[str]) -> Iterator[str]:
    """Yield what GitHub folds below its summary, which is HTML."""
    yield f"<details><summary>{escape(summary)}</summary>"
    yield from blocks
    yield "</details>"


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {escape_markdown(sentence)}" for sentence in sentences)


def markdown_table(table: Table) -> str:
    """Return a table with names and words on the left, numbers on the right."""
    header = [escape_markdown(line_text((column.title, column.detail))) for column in table.columns]
    alignments = ["--:" if is_numeric else ":--" for is_numeric in are_numeric(table)]
    lines = [header, alignments, *map(_line, pad_rows(table).rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(row: Row) -> list[str]:
    name, *others = (escape_markdown(line_text(cell_parts(cell))) for cell in row.cells)
    return [f"{INNER_INDENT}{name}" if row.is_inner else name, *others]


def _doubts(doubts: Sequence[ReportedDoubt]) -> Iterator[str]:
    yield "## Doubts" if doubts else ""
    yield "\n".join(
        f"- **{doubt.kind}**{f' ({escape_markdown(doubt.where)})' if doubt.where else ''}: "
        f"{escape_markdown(doubt.seen)}. {escape_markdown(doubt.advice)}"
        for doubt in doubts
    )
