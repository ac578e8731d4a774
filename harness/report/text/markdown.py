"""Renders a report as GitHub-flavoured Markdown, for a pull request: without the commands of its next steps."""

import re
from collections.abc import Iterable, Iterator, Sequence

from harness.report.cells import are_numeric, cell_parts, line_text, pad_rows
from harness.report.document import Report, ReportedDoubt, Section, Table

CODE_SPAN = re.compile(r"(`[^`]*`)")
SPECIAL_CHARACTERS = re.compile(r"([\\*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_]))")  # not an underscore inside a word


def render_markdown(report: Report) -> str:
    """Return the report in Markdown."""
    why = _bullets(report.overview.why) if report.overview else ""
    numbers, details = report.sections[:1], report.sections[1:]
    blocks = [*_head(report), *markdown_sections(numbers), why, *_doubts(report.doubts), *markdown_sections(details)]
    blocks.append(escape_markdown(report.identity))
    return "\n\n".join(filter(None, blocks)) + "\n"


def escape_markdown(text: str) -> str:
    """Return `text` with special characters escaped; text between backticks stays code."""
    parts = CODE_SPAN.split(text)
    return "".join(part if CODE_SPAN.fullmatch(part) else SPECIAL_CHARACTERS.sub(r"\\\1", part) for part in parts)


def _head(report: Report) -> Iterator[str]:
    if report.warning:
        fault, dot, reasons = report.warning.partition(". ")
        yield f"> [!WARNING]\n> **{escape_markdown(fault)}{dot.strip()}** {escape_markdown(reasons)}".rstrip()
    if report.question:
        yield f"*{escape_markdown(report.question)}*"
    yield from (f"**{escape_markdown(sentence)}**" for sentence in report.answer)
    yield from map(escape_markdown, report.certainty)


def markdown_sections(sections: Iterable[Section]) -> Iterator[str]:
    """Yield the blocks of the sections: heading, sentences, tables."""
    for section in sections:
        blocks = list(filter(None, _section_blocks(section)))
        if blocks and section.heading:
            yield f"**{escape_markdown(section.heading)}**"
        yield from blocks


def _section_blocks(section: Section) -> Iterator[str]:
    yield _bullets(section.sentences)
    for table in section.tables:
        yield escape_markdown(f"{table.caption}:") if table.caption else ""
        yield markdown_table(table)
    yield _bullets(section.notes)
    yield _bullets([f"{term}: {text}" for term, text in section.facts])
    yield f"```\n{section.listing.rstrip()}\n```" if section.listing else ""


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {escape_markdown(sentence)}" for sentence in sentences)


def markdown_table(table: Table) -> str:
    """Return a table with names and words on the left, numbers on the right."""
    header = [line_text((column.title, column.detail)) for column in table.columns]
    rows = [[line_text(cell_parts(cell)) for cell in row.cells] for row in pad_rows(table).rows]
    alignments = ["--:" if is_numeric else ":--" for is_numeric in are_numeric(table)]
    lines = [map(escape_markdown, header), alignments, *(map(escape_markdown, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _doubts(doubts: Sequence[ReportedDoubt]) -> Iterator[str]:
    yield "**Doubts**" if doubts else ""
    yield "\n".join(
        f"- **{doubt.kind}**{f' ({escape_markdown(doubt.where)})' if doubt.where else ''}: "
        f"{escape_markdown(doubt.seen)}. {escape_markdown(doubt.advice)}"
        for doubt in doubts
    )
