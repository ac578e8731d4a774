"""Parses an HTTP answer: its head, its body, and whether it is right."""

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from harness.model.http import MAX_BODY_BYTES, AnswerShape, json_keys, media_type

MAX_HEAD_BYTES = 64 * 1024
MAX_INTERIM = 10  # answers like "100 Continue" before the final one
KEPT_BYTES = 256 * 1024  # of a body
UNPARSED_BYTES = 1024 * 1024  # collected unparsed while the clock runs
BAD_LENGTH = "bad content-length"
BAD_CODING = "unknown transfer-encoding"
LONG_HEAD = "long head"
MANY_INTERIM = "interim answers without an end"
NOT_HTTP = "not http"

_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"
_BEGINNING = b"HTTP/1."
_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})[ \r]")
_WITHOUT_BODY = (204, 304)
_SWITCHING = 101
_MAX_DIGITS = 15
MAX_LINE_BYTES = 4096  # of a chunk's size with its extensions, and of a trailer
MAX_TRAILERS_BYTES = 64 * 1024
LONG_BODY = "long body"
BAD_CHUNK = "bad chunk"
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(;[^\r\n]*)?\r\n")


class Head(NamedTuple):
    """The fields of a head. Without `chunked` and `body_bytes` the body ends with the connection."""

    status: int
    kind: str  # of the body: its media type
    chunked: bool
    body_bytes: int | None
    closes: bool  # whether the server closes the connection after it
    fault: str | None = None


class Answer:
    """An answer that is parsed piece by piece.

    `to_close`: the answer ends where the server closes the connection. Then pieces are only collected while the clock
    runs, up to UNPARSED_BYTES, and parsed afterwards.
    """

    __slots__ = ("_interim", "_unread", "body", "head", "raw_head", "received_bytes", "to_close")

    def __init__(self, *, to_close: bool = False) -> None:
        self.to_close = to_close
        self.received_bytes = 0
        self.head: Head | None = None
        self.raw_head = b""
        self.body = NO_BODY
        self._interim = 0
        self._unread = bytearray()

    def add(self, piece: bytes) -> bool:
        """Add a piece; return whether reading is done: the answer is complete, or invalid."""
        self.received_bytes += len(piece)
        self._unread += piece
        if self.to_close and len(self._unread) < UNPARSED_BYTES:
            return False
        self._read()
        return self.violation is not None or (not self.to_close and self.body.is_whole)

    @property
    def closes(self) -> bool:
        """Return whether the server closes the connection after it."""
        return self.head is not None and self.head.closes

    @property
    def violation(self) -> str | None:
        """Return the violation of HTTP or of a limit so far, if any."""
        if self.head is None:
            return self._breach_of_head()
        return self.head.fault or self.body.fault or ("excess bytes" if self.body.excess_bytes else None)

    def fault(self, proved: AnswerShape | None = None) -> str | None:
        """Return what is wrong with the answer, after its last piece; None if it is right.

        It is right with status 2xx, or the `proved` one, and a complete body without excess bytes, which is not empty
        unless announced, and which has the proved media type and about the proved size.
        """
        self._read()
        if self.head is None:
            return self.violation or ("short head" if self.received_bytes else "no answer")
        status = self.head.status
        if status != proved.status if proved else not 200 <= status < 300:
            return f"status {status}"
        fault = self.violation or self.body.shortage
        return fault or (proved.mismatch(self.head.kind, self.body.size_bytes) if proved else None)

    def has_other_keys(self, proved: AnswerShape) -> bool:
        """Return whether the answer is JSON with other keys than the proved one."""
        if self.head is None or proved.keys is None or self.body.size_bytes > KEPT_BYTES:
            return False
        return json_keys(self.head.kind, self.header("content-encoding"), bytes(self.body.kept)) != proved.keys

    def header(self, name: str) -> str:
        """Return the value of a header in lower case; "" if there is none."""
        return b", ".join(_header_values(self.raw_head.lower(), name.encode())).decode("latin-1")

    def _read(self) -> None:
        while self.head is None and self.violation is None:
            if not self._read_head():
                return
        if self.head and self._unread:
            self.body.add(self._unread)
            self._unread = bytearray()

    def _read_head(self) -> bool:
        """Parse the next head; return whether it was complete."""
        end = self._unread.find(_HEAD_END)
        if end < 0:
            return False
        self.raw_head = bytes(self._unread[: end + len(_LINE_END)])
        head = _parse_head(self.raw_head)
        del self._unread[: end + len(_HEAD_END)]
        if 100 <= head.status < 200 and head.status != _SWITCHING:
            self._interim += 1
            return True
        self.head, self.body = head, Body(head.chunked, head.body_bytes)
        return True

    def _breach_of_head(self) -> str | None:
        if self._interim > MAX_INTERIM:
            return MANY_INTERIM
        beginning = bytes(self._unread[: len(_BEGINNING)])
        end = self._unread.find(_HEAD_END)
        if not _BEGINNING.startswith(beginning) or (end >= 0 and not _STATUS.match(self._unread)):
            return NOT_HTTP
        return LONG_HEAD if (end if end >= 0 else len(self._unread)) > MAX_HEAD_BYTES else None


def _parse_head(text: bytes) -> Head:
    """Parse a head with a valid status line."""
    status_line = _STATUS.match(text)
    assert status_line
    status, fields = int(status_line[2]), text.lower()
    coding = b",".join(_header_values(fields, b"transfer-encoding"))
    body_bytes, fault = (
        (0, None) if status in _WITHOUT_BODY else _parse_length(_header_values(fields, b"content-length"))
    )
    if coding not in (b"", b"chunked", b"identity"):
        fault = BAD_CODING
    connection = b",".join(_header_values(fields, b"connection")) or (b"close" if status_line[1] == b"0" else b"")
    chunked = coding == b"chunked" and status not in _WITHOUT_BODY
    closes = connection == b"close" or (body_bytes is None and not chunked)
    kind = media_type(b"".join(_header_values(fields, b"content-type")[:1]).decode("latin-1"))
    return Head(status, kind, chunked, body_bytes, closes, None if chunked else fault)


def _header_values(fields: bytes, name: bytes) -> list[bytes]:
    """Return all values of the header `name` in lower-case `fields`."""
    return [rest.partition(_LINE_END)[0].strip() for rest in fields.split(_LINE_END + name + b":")[1:]]


def _parse_length(values: list[bytes]) -> tuple[int | None, str | None]:
    """Return the announced size, if any, and what is wrong with it."""
    if not values:
        return None, None
    different = {value.strip() for value in b",".join(values).split(b",")}
    if len(different) > 1 or not (digits := different.pop()).isdigit():
        return None, BAD_LENGTH
    size_bytes = int(digits) if len(digits.lstrip(b"0")) <= _MAX_DIGITS else MAX_BODY_BYTES + 1
    return size_bytes, LONG_BODY if size_bytes > MAX_BODY_BYTES else None


@dataclass(slots=True)
class Body:
    """A body that is parsed piece by piece: of the announced size, in chunks, or up to the end of its connection.

    A chunk follows its size; the last has size 0, and perhaps trailers. `fault` is a violation of HTTP or of a limit.
    """

    chunked: bool
    announced_bytes: int | None
    size_bytes: int = 0
    kept: bytearray = field(default_factory=bytearray)  # its first bytes, up to KEPT_BYTES
    is_whole: bool = False  # according to its length or its last chunk
    excess_bytes: int = 0  # that came after its end
    fault: str | None = None
    _expects: Literal["size", "line end", "trailer"] = "size"
    _left_bytes: int = 0
    _line: bytearray = field(default_factory=bytearray)
    _trailers_bytes: int = 0

    def __post_init__(self) -> None:
        self.is_whole = self.announced_bytes == 0 and not self.chunked

    @property
    def shortage(self) -> str | None:
        """Return what is missing of the body, when no more bytes come."""
        if not self.chunked and self.announced_bytes is None:
            return None if self.size_bytes else "empty body"
        if not self.is_whole:
            return "short body"
        return "empty body" if self.chunked and not self.size_bytes else None

    def add(self, data: bytearray) -> None:
        """Add the next bytes."""
        place = 0
        if self.chunked:
            while place < len(data) and not (self.is_whole or self.fault):
                place = self._add_of_chunk(data, place) if self._left_bytes else self._add_to_line(data, place)
        else:
            left_bytes = len(data) if self.announced_bytes is None else self.announced_bytes - self.size_bytes
            place = self._take(data, 0, left_bytes)
            self.is_whole = self.size_bytes == self.announced_bytes
            self.fault = LONG_BODY if self.size_bytes > MAX_BODY_BYTES else None
        self.excess_bytes += len(data) - place

    def _take(self, data: bytearray, start: int, most_bytes: int) -> int:
        """Add up to `most_bytes` from `start` on to the content; return where they end."""
        end = min(len(data), start + most_bytes)
        self.size_bytes += end - start
        room_bytes = KEPT_BYTES - len(self.kept)
        if room_bytes > 0:
            self.kept += data[start : min(end, start + room_bytes)]
        return end

    def _add_of_chunk(self, data: bytearray, place: int) -> int:
        end = self._take(data, place, self._left_bytes)
        self._left_bytes -= end - place
        return end

    def _add_to_line(self, data: bytearray, place: int) -> int:
        end = data.find(b"\n", place) + 1 or len(data)
        self._line += data[place:end]
        if len(self._line) > MAX_LINE_BYTES:
            self.fault = BAD_CHUNK
        elif self._line.endswith(b"\n"):
            self._read_line(bytes(self._line))
            self._line.clear()
        return end

    def _read_line(self, line: bytes) -> None:
        if self._expects == "size":
            self._read_size(line)
        elif self._expects == "line end":
            self._expects = "size"
            self.fault = None if line == _LINE_END else BAD_CHUNK
        else:
            self._trailers_bytes += len(line)
            self.is_whole = line == _LINE_END
            self.fault = BAD_CHUNK if self._trailers_bytes > MAX_TRAILERS_BYTES else None

    def _read_size(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if size is None:
            self.fault = BAD_CHUNK
            return
        self._left_bytes = int(size[1], 16)
        self._expects = "line end" if self._left_bytes else "trailer"
        if self.size_bytes + self._left_bytes > MAX_BODY_BYTES:
            self.fault = LONG_BODY


NO_BODY = Body(chunked=False, announced_bytes=None)  # of an answer without a head so far
