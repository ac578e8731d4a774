"""Splits a text into the outputs of the tools that wrote it."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.imports.text import collapse_blanks
from harness.model import FormatMarks

DECODER = json.JSONDecoder()
DOCUMENT = re.compile(r"^[ \t]*(?=[\[{])", re.MULTILINE)
ADJACENT = re.compile(r"\}(?=[^\s,:}\]\"])")
COMMA_OBJECT = re.compile(r",?\s*\{")
BLANK = re.compile(r"\s*")

Marks = Mapping[str, FormatMarks]  # by the name of the format


class TextPart(NamedTuple):
    """A stretch of the text, and the name of the format that begins it; "" for none."""

    name: str
    text: str


class _Span(NamedTuple):
    name: str
    begin: int
    end: int | None  # None: up to the next one


def split_parts(text: str, marks: Marks) -> list[TextPart]:
    """Split all of a cleaned text, in order, where a format of `marks` begins or a JSON document ends."""
    text = _separate_documents(text)
    lines = collapse_blanks(text)
    documents = _join_lines(_document_spans(lines, marks), marks)
    spans = sorted([*documents, *_printed_spans(_starts(text, lines, marks), documents)], key=lambda span: span.begin)
    return [
        TextPart(name, _with_tabs(text, lines, begin, end) if name and marks[name].has_tabs else lines[begin:end])
        for name, begin, end in _fill_gaps(spans, len(lines))
    ]


def _separate_documents(text: str) -> str:
    """Add a missing line end after each JSON object: files joined by `cat` may lack it."""
    if not ADJACENT.search(text):
        return text
    ends: list[int] = []
    for match in DOCUMENT.finditer(text):
        if not ends or match.end() >= ends[-1]:
            try:
                ends.append(DECODER.raw_decode(text, match.end())[1])
            except (ValueError, RecursionError):
                continue
    begins = [0, *ends]
    return "\n".join(text[begin:end] for begin, end in zip(begins, [*ends, len(text)], strict=True))


def _document_spans(text: str, marks: Marks) -> Iterator[_Span]:
    """Yield each JSON object of the text; also a truncated one, where its keys or the line above show its format.

    Lines of a log have one format: a truncated object is taken for one like the object before it, `name`.
    """
    position, name = _next_document(text, 0), ""
    while position is not None:
        try:
            value, end = DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            if truncated := _truncated_name(text[position:], name, marks):
                yield _Span(truncated, position, None)
            position = _next_document(text, position + 1)
            continue
        blank = BLANK.match(text, end)
        end = blank.end() if blank else end
        if isinstance(value, dict):
            name = next((name for name, mark in marks.items() if _has_keys(value, mark)), "")
            yield _Span(name, position, end)
        position = _next_start(text, position, end, value)


def _next_document(text: str, position: int) -> int | None:
    match = DOCUMENT.search(text, position)
    return match.start() if match else None


def _next_start(text: str, position: int, end: int, value: object) -> int | None:
    """Return where the next document begins: after this one, or inside where it is a list of documents."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return text.index("{", position)
    neighbour = COMMA_OBJECT.match(text, end)
    return neighbour.end() - 1 if neighbour else _next_document(text, max(end, position + 1))


def _truncated_name(text: str, above: str, marks: Marks) -> str:
    """Return the format of a truncated object: that of the line `above`, or the one whose keys it has; "" for none."""
    if not text.startswith("{"):
        return ""
    if above and marks[above].is_by_line:
        return above
    return next((name for name, mark in marks.items() if _mentions_keys(text, mark)), "")


def _mentions_keys(text: str, mark: FormatMarks) -> bool:
    return any(all(f'"{name}"' in text for key in keys for name in key.split(".")) for keys in mark.keys)


def _has_keys(document: object, mark: FormatMarks) -> bool:
    return any(all(_has_path(document, key.split(".")) for key in keys) for keys in mark.keys)


def _has_path(document: object, path: Sequence[str]) -> bool:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return True


def _join_lines(spans: Iterable[_Span], marks: Marks) -> list[_Span]:
    """Join the documents of a format with a document on each line, a truncated last line included."""
    joined: list[_Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last.name and marks[last.name].is_by_line and last[::2] == (span.name, span.begin):
            joined[-1] = last._replace(end=span.end)
        else:
            joined.append(span)
    return joined


def _starts(text: str, lines: str, marks: Marks) -> Iterator[tuple[str, int]]:
    """Yield where in `lines` a format begins; only `text`, with the same lines, has the tabs between columns."""
    line_starts = [0, *(match.end() for match in re.finditer("\n", lines))]
    for name, mark in marks.items():
        if mark.begins and mark.has_tabs:
            starts = (match.start() for match in mark.begins.finditer(text))
            yield from ((name, line_starts[text.count("\n", 0, start)]) for start in starts)
        elif mark.begins:
            yield from ((name, match.start()) for match in mark.begins.finditer(lines))


def _printed_spans(starts: Iterable[tuple[str, int]], documents: Sequence[_Span]) -> Iterator[_Span]:
    """Yield the outputs outside JSON documents; where two formats match, the first counts."""
    begins = [span.begin for span in documents]
    ends = [span.end or span.begin for span in documents]
    used = set(begins)
    for name, position in starts:
        before = bisect_right(begins, position) - 1
        if position not in used and (before < 0 or position >= ends[before]):
            used.add(position)
            yield _Span(name, position, None)


def _fill_gaps(spans: Sequence[_Span], size: int) -> Iterator[tuple[str, int, int]]:
    """Yield the spans with their ends, and spans without a name between them."""
    position = 0
    for span, next_begin in zip(spans, [*(span.begin for span in spans[1:]), size], strict=False):
        if position < span.begin:
            yield "", position, span.begin
        position = next_begin if span.end is None else min(span.end, next_begin)
        yield span.name, span.begin, position
    if position < size:
        yield "", position, size


def _with_tabs(text: str, lines: str, begin: int, end: int) -> str:
    """Return `lines[begin:end]` with the tabs of `text`."""
    first = lines.count("\n", 0, begin)
    *whole, rest = text.split("\n")[first : first + lines.count("\n", begin, end) + 1]
    return "\n".join([*whole, rest if end == len(lines) else ""])
