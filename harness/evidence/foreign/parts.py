"""Takes a text apart into the runs in it, of whatever formats, and the lines that are of none."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from harness.evidence.foreign.tidy import plain
from harness.model import Marks

DECODER = json.JSONDecoder()
DOCUMENT = re.compile(r"^[ \t]*(?=[\[{])", re.MULTILINE)
UNBROKEN = re.compile(r"\}(?=[^\s,:}\]\"])")
BESIDE = re.compile(r",?\s*\{")
BLANK = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a part can be: `name` is that of a format, or of something that is not read."""

    name: str
    marks: Marks
    has_tabs: bool = False
    is_by_line: bool = False
    is_read: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the text; `kind` is None for one that no format begins."""

    kind: Kind | None
    text: str


@dataclass(frozen=True, slots=True)
class _Span:
    kind: Kind | None
    begin: int
    end: int | None  # None: up to the next one


def parts_of(text: str, kinds: Sequence[Kind]) -> list[Part]:
    """All of `text`, as `tidy` leaves it, in order."""
    text = _broken(text)
    lines = plain(text)
    documents = _joined(_documents(lines, kinds))
    begins = ((kind, place) for kind in kinds for place in _begins(kind, text, lines))
    spans = sorted([*documents, *_printed(begins, documents)], key=lambda span: span.begin)
    filled = _filled(_without_repeats(spans), len(lines))
    return [Part(span.kind, _text_of(span, text, lines)) for span in filled]


def _broken(text: str) -> str:
    """With a new line after each JSON object that has none, as files joined by `cat` may lack."""
    if not UNBROKEN.search(text):
        return text
    ends: list[int] = []
    for found in DOCUMENT.finditer(text):
        if not ends or found.end() >= ends[-1]:
            try:
                ends.append(DECODER.raw_decode(text, found.end())[1])
            except (ValueError, RecursionError):
                continue
    begins = [0, *ends]
    return "\n".join(text[begin:end] for begin, end in zip(begins, [*ends, len(text)], strict=True))


def _begins(kind: Kind, text: str, lines: str) -> Iterator[int]:
    """Places in `lines`; columns show in `text` only, which has the same lines."""
    if kind.marks.begins is None:
        return
    if not kind.has_tabs:
        yield from (found.start() for found in kind.marks.begins.finditer(lines))
        return
    starts = [0, *(found.end() for found in re.finditer("\n", lines))] if kind.marks.begins.search(text) else []
    yield from (starts[text.count("\n", 0, found.start())] for found in kind.marks.begins.finditer(text))


def _printed(begins: Iterable[tuple[Kind, int]], documents: Sequence[_Span]) -> Iterator[_Span]:
    """Where runs that are no JSON begin; the first kind counts where two would."""
    taken = [span.begin for span in documents]
    ends = [span.end or span.begin for span in documents]
    used = set(taken)
    for kind, place in begins:
        before = bisect_right(taken, place) - 1
        if place not in used and (before < 0 or place >= ends[before]):
            used.add(place)
            yield _Span(kind, place, None)


def _documents(text: str, kinds: Sequence[Kind]) -> Iterator[_Span]:
    """Each JSON object of the text; one that is cut off where its keys, or the line above, tell what it is."""
    place, kind = _next_document(text, 0), None
    while place is not None:
        try:
            value, end = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            yield from _cut_off(text, place, [kind] if kind and kind.is_by_line else kinds)
            place = _next_document(text, place + 1)
            continue
        end = _past_blanks(text, end)
        if isinstance(value, dict):
            kind = next((kind for kind in kinds if _has(value, kind.marks.keys)), None)
            yield _Span(kind, place, end)
        place = _after(text, place, end, value)


def _next_document(text: str, place: int) -> int | None:
    found = DOCUMENT.search(text, place)
    return found.start() if found else None


def _after(text: str, place: int, end: int, value: object) -> int | None:
    """Where the next document begins: right after this one, or in it where it is a list of documents."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return text.index("{", place)
    beside = BESIDE.match(text, end)
    return beside.end() - 1 if beside else _next_document(text, max(end, place + 1))


def _past_blanks(text: str, place: int) -> int:
    found = BLANK.match(text, place)
    return found.end() if found else place


def _cut_off(text: str, place: int, kinds: Iterable[Kind]) -> Iterator[_Span]:
    if text[place] != "{":
        return
    rest = text[place:]
    for kind in kinds:
        if kind.marks.keys and (kind.is_by_line or any(_mentions(rest, keys) for keys in kind.marks.keys)):
            yield _Span(kind, place, None)
            return


def _mentions(text: str, keys: Sequence[str]) -> bool:
    return all(f'"{name}"' in text for key in keys for name in key.split("."))


def _has(document: dict[str, Any], sets: Sequence[Sequence[str]]) -> bool:
    return any(all(_at(document, key.split(".")) for key in keys) for keys in sets)


def _at(document: object, path: Sequence[str]) -> bool:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return True


def _joined(spans: Iterable[_Span]) -> list[_Span]:
    """Documents of a format that has one on each line are one part; so is a line of it that is cut off."""

    def join(found: list[_Span], span: _Span) -> list[_Span]:
        last = found[-1] if found else None
        if last and last.kind and last.kind.is_by_line and span.kind is last.kind and span.begin == last.end:
            found[-1] = _Span(last.kind, last.begin, span.end)
        else:
            found.append(span)
        return found

    return reduce(join, spans, [])


def _without_repeats(spans: Iterable[_Span]) -> Iterator[_Span]:
    """What is not read is named once for each stretch of it."""
    last: _Span | None = None
    for span in spans:
        if last is None or span.end is not None or span.kind is not last.kind or (span.kind and span.kind.is_read):
            yield span
        last = span


def _filled(spans: Iterable[_Span], size: int) -> Iterator[_Span]:
    """The same with their ends, and what lies between them."""
    ordered = list(spans)
    place = 0
    for span, begin_of_next in zip(ordered, [*(span.begin for span in ordered[1:]), size], strict=False):
        if place < span.begin:
            yield _Span(None, place, span.begin)
        place = begin_of_next if span.end is None else min(span.end, begin_of_next)
        yield _Span(span.kind, span.begin, place)
    if place < size:
        yield _Span(None, place, size)


def _text_of(span: _Span, text: str, lines: str) -> str:
    """Columns need their tabs: the same lines of the text before they became blanks."""
    if span.kind is None or not span.kind.has_tabs:
        return lines[span.begin : span.end]
    first = lines.count("\n", 0, span.begin)
    last = first + lines.count("\n", span.begin, span.end)
    *whole, rest = text.split("\n")[first : last + 1]
    return "\n".join([*whole, rest if span.end == len(lines) else ""])
