"""The shape of an answer, to detect changes during a run: status, media type, JSON keys, approximate size."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_BODY_BYTES = 256 * 1024 * 1024  # that are read of an answer
MOST_KEYS = 200
MOST_DECODED_BYTES = 1024 * 1024
OTHER_KIND, OTHER_SIZE, OTHER_KEYS = "another content type", "another size", "other JSON keys"
# Factor by which the size of an answer may change; more if JSON keys identify it better than its size.
_MAX_SIZE_FACTOR, _MAX_SIZE_FACTOR_WITH_KEYS = 2, 8
_SIZE_SLACK_BYTES = 64  # by which any answer may grow: dates, counters
_MAX_LISTED_KEYS = 6
_DETECT_FORMAT_WBITS = 32 + zlib.MAX_WBITS  # zlib detects the format: gzip or zlib


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """The shape of an answer; `kind` is its media type, "" without one. None: unknown (old record, long body)."""

    status: int
    body_bytes: int
    kind: str | None = None
    keys: tuple[str, ...] | None = None

    def unlike(self, kind: str, body_bytes: int) -> str | None:
        """Return why an answer of the same status has another shape, in a few words; None if it has not."""
        if self.kind is not None and kind != self.kind:
            return OTHER_KIND
        return None if self._allows(body_bytes) else OTHER_SIZE

    def difference(self, now: "AnswerShape") -> str:
        """Return what is different `now`, like `status 204 instead of 200`; "" if nothing is."""
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
        factor = _MAX_SIZE_FACTOR_WITH_KEYS if self.keys or self.kind is None else _MAX_SIZE_FACTOR
        return self.body_bytes / factor <= body_bytes <= self.body_bytes * factor + _SIZE_SLACK_BYTES


def is_change(fault: str) -> bool:
    """Whether a kind of failure means that the answer changed, rather than came late or never."""
    return fault in (OTHER_KIND, OTHER_SIZE, OTHER_KEYS) or fault.startswith(("status 2", "status 3", "status 4"))


def shape_in(proof: Mapping[str, Any]) -> AnswerShape | None:
    """Return the shape of the answer in a record's proof of an arm; None without one."""
    if "status" not in proof or "body_bytes" not in proof:
        return None
    keys = proof.get("keys")
    return AnswerShape(proof["status"], proof["body_bytes"], proof.get("kind"), None if keys is None else tuple(keys))


def media_type(content_type: str) -> str:
    """Return the media type without parameters: only some servers name the charset."""
    return content_type.partition(";")[0].strip().lower()


def json_keys(kind: str, coding: str, body: bytes) -> tuple[str, ...]:
    """Return the sorted keys if the whole `body` is a JSON object, or else none."""
    if "json" not in kind:
        return ()
    try:
        content = json.loads(_decompress(coding, body))
    except (ValueError, RecursionError, zlib.error):
        return ()
    return tuple(sorted(content)[:MOST_KEYS]) if isinstance(content, Mapping) else ()


def _decompress(coding: str, body: bytes) -> bytes:
    """Return `body` decompressed, up to a limit."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        return body
    return zlib.decompressobj(_DETECT_FORMAT_WBITS).decompress(body, MOST_DECODED_BYTES)


def listed_keys(keys: Sequence[str]) -> str:
    """Return the first keys in a printable form."""
    listed = ", ".join(key[:40] if key.isprintable() else ascii(key)[:40] for key in keys[:_MAX_LISTED_KEYS])
    return f"{listed or 'none'}{', ...' if len(keys) > _MAX_LISTED_KEYS else ''}"
