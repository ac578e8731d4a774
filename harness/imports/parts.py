"""Splits a file into the runs of the tools that wrote it, and finds text that no format has read."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.imports.text import collapse_blanks
from harness.imports.unread import UNREAD
from harness.model import FormatMarks, ImportedRun

DECODER = json.JSONDecoder()
DOCUMENT = re.compile(r"^[ \t]*(?=[\[{])", re.MULTILINE)
ADJACENT = re.compile(r"\}(?=[^\s,:}\]\"])")
COMMA_OBJECT = re.compile(r",?\s*\{")
BLANK = re.compile(r"\s*")
HAS_DIGIT = re.compile(r"\d")  # a line without a digit holds no result
SHELL_LINE = re.compile(  # of shells, terminals, containers and spreadsheets
    r"(?:[$#%>+] |PS [^>]*>|\S+@\S+[:~ ].*[$#%]|Script (?:started|done)|sep=|Attaching to |real\s|user\s|sys\s).*"
    r"|\S+ exited with code \d+|COMMAND_EXIT_CODE=.*|##?\[.*"
)
MAX_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class PartKind:
    """What a part can be: a format, or a known kind of output that is not read."""

    name: str
    marks: FormatMarks
    has_tabs: bool = False
    is_by_line: bool = False
    is_read: bool = True


@dataclass(frozen=True, slots=True)
class TextPart:
    """A stretch of the text; `kind` is None where no format begins it."""

    kind: PartKind | None
    text: str


@dataclass(frozen=True, slots=True)
class _Span:
    kind: PartKind | None
    begin: int
    end: int | None  # None: up to the next one


def split_parts(text: str, kinds: Sequence[PartKind]) -> list[TextPart]:
    """Split all of a cleaned text, in order."""
    text = _separate_documents(text)
    lines = collapse_blanks(text)
    documents = _join_lines(_document_spans(lines, kinds))
    starts = ((kind, position) for kind in kinds for position in _starts(kind, text, lines))
    spans = sorted([*documents, *_printed_spans(starts, documents)], key=lambda span: span.begin)
    complete = _fill_gaps(_without_repeats(spans), len(lines))
    return [TextPart(span.kind, _text_of(span, text, lines)) for span in complete]


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


def _starts(kind: PartKind, text: str, lines: str) -> Iterator[int]:
    """Yield positions in `lines` where a run begins; tabs between columns are in `text` only, with the same lines."""
    if kind.marks.begins is None:
        return
    if not kind.has_tabs:
        yield from (match.start() for match in kind.marks.begins.finditer(lines))
        return
    starts = [0, *(match.end() for match in re.finditer("\n", lines))] if kind.marks.begins.search(text) else []
    yield from (starts[text.count("\n", 0, match.start())] for match in kind.marks.begins.finditer(text))


def _printed_spans(starts: Iterable[tuple[PartKind, int]], documents: Sequence[_Span]) -> Iterator[_Span]:
    """Yield the runs outside JSON documents; where two kinds match, the first counts."""
    begins = [span.begin for span in documents]
    ends = [span.end or span.begin for span in documents]
    used = set(begins)
    for kind, position in starts:
        before = bisect_right(begins, position) - 1
        if position not in used and (before < 0 or position >= ends[before]):
            used.add(position)
            yield _Span(kind, position, None)


def _document_spans(text: str, kinds: Sequence[PartKind]) -> Iterator[_Span]:
    """Yield each JSON object of the text; also a truncated one, where its keys or the line above show its kind."""
    position, kind = _next_document(text, 0), None
    while position is not None:
        try:
            value, end = DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            yield from _truncated_span(text, position, [kind] if kind and kind.is_by_line else kinds)
            position = _next_document(text, position + 1)
            continue
        end = _skip_blanks(text, end)
        if isinstance(value, dict):
            kind = next((kind for kind in kinds if _has_keys(value, kind.marks.keys)), None)
            yield _Span(kind, position, end)
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


def _skip_blanks(text: str, position: int) -> int:
    match = BLANK.match(text, position)
    return match.end() if match else position


def _truncated_span(text: str, position: int, kinds: Iterable[PartKind]) -> Iterator[_Span]:
    if text[position] != "{":
        return
    rest = text[position:]
    for kind in kinds:
        if kind.marks.keys and (kind.is_by_line or any(_mentions(rest, keys) for keys in kind.marks.keys)):
            yield _Span(kind, position, None)
            return


def _mentions(text: str, keys: Sequence[str]) -> bool:
    return all(f'"{name}"' in text for key in keys for name in key.split("."))


def _has_keys(document: dict[str, Any], key_sets: Sequence[Sequence[str]]) -> bool:
    return any(all(_has_path(document, key.split(".")) for key in keys) for keys in key_sets)


def _has_path(document: object, path: Sequence[str]) -> bool:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return True


def _join_lines(spans: Iterable[_Span]) -> list[_Span]:
    """Join the documents of a format with a document on each line, a truncated last line included."""
    joined: list[_Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last.kind and last.kind.is_by_line and span.kind is last.kind and span.begin == last.end:
            joined[-1] = _Span(last.kind, last.begin, span.end)
        else:
            joined.append(span)
    return joined


def _without_repeats(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Yield the spans, but only the first of several in a row of the same kind that is not read."""
    last: _Span | None = None
    for span in spans:
        if last is None or span.end is not None or span.kind is not last.kind or (span.kind and span.kind.is_read):
            yield span
        last = span


def _fill_gaps(spans: Iterable[_Span], size: int) -> Iterator[_Span]:
    """Yield the spans with their ends, and spans without a kind between them."""
    ordered = list(spans)
    position = 0
    for span, next_begin in zip(ordered, [*(span.begin for span in ordered[1:]), size], strict=False):
        if position < span.begin:
            yield _Span(None, position, span.begin)
        position = next_begin if span.end is None else min(span.end, next_begin)
        yield _Span(span.kind, span.begin, position)
    if position < size:
        yield _Span(None, position, size)


def _text_of(span: _Span, text: str, lines: str) -> str:
    """Return the text of a span; for formats with columns with its tabs, which `lines` lacks."""
    if span.kind is None or not span.kind.has_tabs:
        return lines[span.begin : span.end]
    first = lines.count("\n", 0, span.begin)
    last = first + lines.count("\n", span.begin, span.end)
    *whole, rest = text.split("\n")[first : last + 1]
    return "\n".join([*whole, rest if span.end == len(lines) else ""])


def unread_output(parts: Sequence[TextPart]) -> Iterator[str]:
    """Yield a sentence for each kind of output that is known but not read."""
    known = {unread.what: unread for unread in UNREAD}
    names = dict.fromkeys(part.kind.name for part in parts if part.kind and not part.kind.is_read)
    for name in names:
        yield f"The file also holds {name}, which is not read. Instead, {known[name].instead}."


def unread_lines(parts: Sequence[TextPart], knows: Mapping[str, re.Pattern[str] | None]) -> Iterator[str]:
    """Yield a sentence on all lines with numbers that belong to no run, or that its tool does not print."""
    lines = [line for part in parts for line in _unknown_lines(part, knows)]
    if lines:
        first = lines[0] if len(lines[0]) <= MAX_SHOWN_CHARS else f"{lines[0][: MAX_SHOWN_CHARS - 3]}..."
        yield f"Lines in no known form were not read: {len(lines)}, the first {first!r}."


def mixed_tools(runs: Sequence[ImportedRun]) -> Iterator[str]:
    """Yield a sentence where runs of several tools count as runs of one architecture."""
    formats = list(dict.fromkeys(run.format for run in runs))
    if len(formats) > 1 and len({run.architecture for run in runs}) == 1:
        yield (
            f"The file holds runs of {', '.join(formats)}, which count as runs of one architecture here. Use a file "
            "for each tool."
        )


def _unknown_lines(part: TextPart, knows: Mapping[str, re.Pattern[str] | None]) -> Iterator[str]:
    known = None
    if part.kind:
        known = knows.get(part.kind.name)
        if known is None:  # not read, or its reader refuses such lines
            return
    for line in filter(None, part.text.split("\n")):
        if HAS_DIGIT.search(line) and not SHELL_LINE.fullmatch(line) and not (known and known.fullmatch(line)):
            yield line
