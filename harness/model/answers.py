"""What an answer is like, so that it can be held through a run: status, type, keys of its JSON, and about its size."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_BODY_BYTES = 256 * 1024 * 1024  # that are read of an answer
MOST_KEYS = 200
MOST_DECODED_BYTES = 1024 * 1024
OTHER_KIND, OTHER_SIZE, OTHER_KEYS = "another content type", "another size", "other JSON keys"
# How many times shorter or longer an answer may become. The keys of JSON say better than its size what it is.
_TIMES, _TIMES_WITH_KEYS = 2, 8
_SOME_BYTES = 64  # that any answer may grow by: dates, counters, an error of rounding
_SHOWN_KEYS = 6
_GZIP_TOO = 32 + zlib.MAX_WBITS  # zlib finds out by itself whether it is gzip or zlib


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """`kind` is a media type, "" where none was given. None: not known, as in older records or of a long body."""

    status: int
    body_bytes: int
    kind: str | None = None
    keys: tuple[str, ...] | None = None

    def unlike(self, kind: str, body_bytes: int) -> str | None:
        """In few words, why an answer of the same status is not like this one; None: it is, as far as these tell."""
        if self.kind is not None and kind != self.kind:
            return OTHER_KIND
        return None if self._allows(body_bytes) else OTHER_SIZE

    def difference(self, now: "AnswerShape") -> str:
        """What is different `now`, as `status 204 instead of 200`; "" where the answer is still the same."""
        return next(self._differences(now), "")

    def _differences(self, now: "AnswerShape") -> Iterator[str]:
        if now.status != self.status:
            yield f"status {now.status} instead of {self.status}"
        if not now.body_bytes and self.body_bytes:
            yield f"0 bytes instead of {self.body_bytes}"
        if None not in (self.kind, now.kind) and now.kind != self.kind:
            yield f"{now.kind or 'no content type'} instead of {self.kind or 'none'}"
        if self.keys is not None and now.keys is not None and now.keys != self.keys:
            yield f"JSON keys {listed_keys(now.keys)} instead of {listed_keys(self.keys)}"
        if not self._allows(now.body_bytes):
            yield f"{now.body_bytes} bytes instead of {self.body_bytes}"

    def _allows(self, body_bytes: int) -> bool:
        if not self.body_bytes or not body_bytes:
            return body_bytes == self.body_bytes
        times = _TIMES_WITH_KEYS if self.keys or self.kind is None else _TIMES
        return self.body_bytes / times <= body_bytes <= self.body_bytes * times + _SOME_BYTES


def is_change(fault: str) -> bool:
    """Whether a request that failed so was answered otherwise, and not just too late or not at all."""
    return fault in (OTHER_KIND, OTHER_SIZE, OTHER_KEYS) or fault.startswith(("status 2", "status 3", "status 4"))


def shape_in(proof: Mapping[str, Any]) -> AnswerShape | None:
    """What a record's proof of an arm says of its answer; None where it says nothing."""
    if "status" not in proof or "body_bytes" not in proof:
        return None
    keys = proof.get("keys")
    return AnswerShape(proof["status"], proof["body_bytes"], proof.get("kind"), None if keys is None else tuple(keys))


def media_type(content_type: str) -> str:
    """Without parameters: servers differ in whether they name the charset."""
    return content_type.partition(";")[0].strip().lower()


def json_keys(kind: str, coding: str, body: bytes) -> tuple[str, ...]:
    """The keys of the JSON object that the whole `body` is, sorted; none of anything else."""
    if "json" not in kind:
        return ()
    try:
        content = json.loads(_decoded(coding, body))
    except (ValueError, RecursionError, zlib.error):
        return ()
    return tuple(sorted(content)[:MOST_KEYS]) if isinstance(content, Mapping) else ()


def _decoded(coding: str, body: bytes) -> bytes:
    """`body` without its compression, as far as its limit."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        return body
    return zlib.decompressobj(_GZIP_TOO).decompress(body, MOST_DECODED_BYTES)


def listed_keys(keys: Sequence[str]) -> str:
    """Some of them, in a form that can be printed."""
    shown = ", ".join(key[:40] if key.isprintable() else ascii(key)[:40] for key in keys[:_SHOWN_KEYS])
    return f"{shown or 'none'}{', ...' if len(keys) > _SHOWN_KEYS else ''}"
