"""Find the end of the body of an HTTP/1.x answer: by its length, its last chunk, or the end of the connection.

Only the beginning of a body is kept, so that a large one needs no memory.
"""

import re
from dataclasses import dataclass, field
from typing import Literal, Protocol

from harness.model.answers import MOST_BODY_BYTES

MOST_LINE_BYTES = 4096  # of a chunk's size with its extensions, and of a trailer
MOST_TRAILERS_BYTES = 64 * 1024
LONG = "long body"
BAD_CHUNK = "bad chunk"
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(;[^\r\n]*)?\r\n")


@dataclass(slots=True)
class Content:
    """The content of a body: its size, and its first bytes, up to `most_kept_bytes`."""

    most_kept_bytes: int
    size_bytes: int = 0
    kept: bytearray = field(default_factory=bytearray)

    def take(self, data: bytearray, start: int, end: int) -> None:
        """Add `data[start:end]`."""
        self.size_bytes += end - start
        room_bytes = self.most_kept_bytes - len(self.kept)
        if room_bytes > 0:
            self.kept += data[start : min(end, start + room_bytes)]


class Body(Protocol):
    """A body that is parsed piece by piece. `fault` is a violation of HTTP or of a limit."""

    content: Content
    fault: str | None
    excess_bytes: int  # that came after its end

    @property
    def is_whole(self) -> bool:
        """Return whether the body is complete according to its length or its last chunk."""
        ...

    def add(self, data: bytearray) -> None:
        """Add the next bytes."""
        ...


@dataclass(slots=True)
class Sized:
    """A body with a size announced in the head."""

    content: Content
    announced_bytes: int
    fault: str | None = None
    excess_bytes: int = 0

    @property
    def is_whole(self) -> bool:
        """Return whether all announced bytes have come."""
        return self.content.size_bytes == self.announced_bytes

    def add(self, data: bytearray) -> None:
        """Add the next bytes."""
        own_bytes = min(len(data), self.announced_bytes - self.content.size_bytes)
        self.content.take(data, 0, own_bytes)
        self.excess_bytes += len(data) - own_bytes


@dataclass(slots=True)
class ToClose:
    """A body of any size that ends with its connection."""

    content: Content
    fault: str | None = None
    excess_bytes: int = 0
    is_whole: bool = False

    def add(self, data: bytearray) -> None:
        """Add the next bytes."""
        self.content.take(data, 0, len(data))
        if self.content.size_bytes > MOST_BODY_BYTES:
            self.fault = LONG


@dataclass(slots=True)
class Chunked:
    """A chunked body: each chunk after its size, the last of size 0, perhaps with trailers."""

    content: Content
    fault: str | None = None
    excess_bytes: int = 0
    is_whole: bool = False
    _expects: Literal["size", "line end", "trailer"] = "size"
    _left_bytes: int = 0
    _line: bytearray = field(default_factory=bytearray)
    _trailers_bytes: int = 0

    def add(self, data: bytearray) -> None:
        """Add the next bytes."""
        place = 0
        while place < len(data) and not (self.is_whole or self.fault):
            place = self._add_content(data, place) if self._left_bytes else self._add_to_line(data, place)
        self.excess_bytes += len(data) - place

    def _add_content(self, data: bytearray, place: int) -> int:
        end = min(len(data), place + self._left_bytes)
        self.content.take(data, place, end)
        self._left_bytes -= end - place
        return end

    def _add_to_line(self, data: bytearray, place: int) -> int:
        end = data.find(b"\n", place) + 1 or len(data)
        self._line += data[place:end]
        if len(self._line) > MOST_LINE_BYTES:
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
            self.fault = None if line == b"\r\n" else BAD_CHUNK
        else:
            self._trailers_bytes += len(line)
            self.is_whole = line == b"\r\n"
            self.fault = BAD_CHUNK if self._trailers_bytes > MOST_TRAILERS_BYTES else None

    def _read_size(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if size is None:
            self.fault = BAD_CHUNK
            return
        self._left_bytes = int(size[1], 16)
        self._expects = "line end" if self._left_bytes else "trailer"
        if self.content.size_bytes + self._left_bytes > MOST_BODY_BYTES:
            self.fault = LONG
