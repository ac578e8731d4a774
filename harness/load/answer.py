"""Says where an HTTP/1.x answer ends and what is wrong with it, from the received bytes alone."""

import re
from typing import NamedTuple

_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})[ \r]")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,15})[^\r\n]*\r\n")
_LENGTH = re.compile(rb"\d{1,15}")
_WITHOUT_BODY = (204, 304)


class Head(NamedTuple):
    """What the head says. Without `chunked` and `body_bytes` the body ends with the connection."""

    status: int
    body_start: int
    chunked: bool
    body_bytes: int | None
    closes: bool


class Answer:
    """One answer, piece by piece as it comes in."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.head: Head | None = None

    def add(self, piece: bytes) -> bool:
        """Whether the answer is whole now."""
        self.data += piece
        self.head = self.head or read_head(self.data)
        return self.head is not None and body_end(self.head, self.data) is not None

    @property
    def closes(self) -> bool:
        """Whether the server closes the connection after it."""
        return self.head is not None and self.head.closes

    def fault(self) -> str | None:
        """What is wrong with all that came."""
        return fault(self.head, self.data)


def read_head(data: bytes | bytearray) -> Head | None:
    """None when `data` does not, or not yet, begin with a whole head."""
    end = data.find(_HEAD_END)
    status_line = _STATUS.match(data)
    if end < 0 or status_line is None:
        return None
    fields = bytes(data[: end + len(_LINE_END)]).lower()
    length = _field(fields, b"content-length")
    connection = _field(fields, b"connection") or (b"close" if status_line[1] == b"0" else b"")
    chunked = _field(fields, b"transfer-encoding") == b"chunked"
    status = int(status_line[2])
    body_bytes = 0 if status in _WITHOUT_BODY else int(length) if _LENGTH.fullmatch(length) else None
    closes = connection == b"close" or (body_bytes is None and not chunked)
    return Head(status, end + len(_HEAD_END), chunked, body_bytes, closes)


def _field(fields: bytes, name: bytes) -> bytes:
    """The value of field `name` in lower-case `fields`; empty when there is none."""
    rest = fields.partition(_LINE_END + name + b":")[2]
    return rest.partition(_LINE_END)[0].strip()


def body_end(head: Head, data: bytes | bytearray) -> int | None:
    """Where in `data` the body ends; None when it is not all there, or when only the connection's end tells."""
    if head.chunked:
        return _last_chunk_end(data, head.body_start)
    if head.body_bytes is None:
        return None
    end = head.body_start + head.body_bytes
    return end if end <= len(data) else None


def _last_chunk_end(data: bytes | bytearray, place: int) -> int | None:
    while size := _CHUNK.match(data, place):
        size_bytes = int(size[1], 16)
        if size_bytes == 0:
            last_line_end = data.find(_HEAD_END, size.end() - len(_LINE_END))
            return last_line_end + len(_HEAD_END) if last_line_end >= 0 else None
        place = size.end() + size_bytes + len(_LINE_END)
    return None


def fault(head: Head | None, data: bytes | bytearray) -> str | None:
    """What is wrong with `data`, all that came before the answer or the connection ended; None: it is right.

    Right is a status of 2xx, a whole body with nothing after it, and no empty body but an announced one.
    """
    if head is None:
        return _fault_without_head(data)
    if not 200 <= head.status < 300:
        return f"status {head.status}"
    return _fault_of_body(head, data)


def _fault_without_head(data: bytes | bytearray) -> str:
    if not data:
        return "no answer"
    return "short head" if data.startswith(b"HTTP/1.") and _HEAD_END not in data else "not http"


def _fault_of_body(head: Head, data: bytes | bytearray) -> str | None:
    to_close = head.body_bytes is None and not head.chunked
    end = len(data) if to_close else body_end(head, data)
    if end is None:
        return "short body"
    if end < len(data):
        return "excess bytes"
    return "empty body" if _is_empty(head, data) else None


def _is_empty(head: Head, data: bytes | bytearray) -> bool:
    """Whether a body of unannounced length has nothing in it."""
    if head.chunked:
        first = _CHUNK.match(data, head.body_start)
        return first is not None and int(first[1], 16) == 0
    return head.body_bytes is None and len(data) == head.body_start
