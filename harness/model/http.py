"""A request as all clients send it, and the shape of its answer."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.model.settings import Settings

MAX_BODY_BYTES = 256 * 1024 * 1024  # that are read of an answer
MAX_JSON_KEYS = 200
MAX_DECODED_BYTES = 1024 * 1024
OTHER_KIND, OTHER_SIZE, OTHER_KEYS = "another content type", "another size", "other JSON keys"
# Factor by which the size of an answer may change; more if JSON keys identify it better than its size.
_MAX_SIZE_FACTOR, _MAX_SIZE_FACTOR_WITH_KEYS = 2, 8
_SIZE_SLACK_BYTES = 64  # by which any answer may grow: dates, counters
_MAX_LISTED_KEYS = 6
_DETECT_FORMAT_WBITS = 32 + zlib.MAX_WBITS  # zlib detects the format: gzip or zlib
DEFAULT_HOST = "localhost"  # the Host of requests to our own stacks
BODY_METHODS = ("POST", "PUT", "PATCH")  # methods whose Content-Length is sent even if it is 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `host` "" is the host of the URL. Clients add Host, Connection and Content-Length to `fields`."""

    method: str = "GET"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def all_headers(self) -> tuple[tuple[str, str], ...]:
        """Headers, including the Content-Type of the body if `headers` does not name it."""
        has_type = any(name.lower() == "content-type" for name, _ in self.headers)
        return (
            self.headers if has_type or not self.body else (*self.headers, ("Content-Type", _content_type(self.body)))
        )

    @property
    def header_lines(self) -> tuple[str, ...]:
        """`fields`, each as one line."""
        return tuple(f"{name}: {value}" for name, value in self.all_headers)

    @property
    def has_length(self) -> bool:
        """Whether a Content-Length is sent."""
        return bool(self.body) or self.method in BODY_METHODS

    @property
    def has_extras(self) -> bool:
        """Whether it differs from a plain GET of its URL on this machine."""
        return (self.method, self.headers, self.body) != ("GET", (), b"") or self.host not in ("", DEFAULT_HOST)


PLAIN_REQUEST = Request()


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """The shape of an answer; `kind` is its media type, "" without one. None: unknown (old record, long body)."""

    status: int
    body_bytes: int
    kind: str | None = None
    keys: tuple[str, ...] | None = None

    def mismatch(self, kind: str, body_bytes: int) -> str | None:
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
            yield f"JSON keys {format_keys(now.keys)} instead of {format_keys(self.keys)}"
        if not self._allows(now.body_bytes):
            yield f"{now.body_bytes} bytes instead of {self.body_bytes}"

    def _allows(self, body_bytes: int) -> bool:
        if not self.body_bytes or not body_bytes:
            return body_bytes == self.body_bytes
        factor = _MAX_SIZE_FACTOR_WITH_KEYS if self.keys or self.kind is None else _MAX_SIZE_FACTOR
        return self.body_bytes / factor <= body_bytes <= self.body_bytes * factor + _SIZE_SLACK_BYTES


def is_changed_answer(fault: str) -> bool:
    """Whether a kind of failure means that the answer changed, rather than came late or never."""
    return fault in (OTHER_KIND, OTHER_SIZE, OTHER_KEYS) or fault.startswith(("status 2", "status 3", "status 4"))


def answer_shape(proof: Mapping[str, Any]) -> AnswerShape | None:
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
    return tuple(sorted(content)[:MAX_JSON_KEYS]) if isinstance(content, Mapping) else ()


def _decompress(coding: str, body: bytes) -> bytes:
    """Return `body` decompressed, up to a limit."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        return body
    return zlib.decompressobj(_DETECT_FORMAT_WBITS).decompress(body, MAX_DECODED_BYTES)


def format_keys(keys: Sequence[str]) -> str:
    """Return the first keys in a printable form."""
    listed = ", ".join(key[:40] if key.isprintable() else ascii(key)[:40] for key in keys[:_MAX_LISTED_KEYS])
    return f"{listed or 'none'}{', ...' if len(keys) > _MAX_LISTED_KEYS else ''}"


def request_for(settings: Settings, host: str) -> Request:
    """Return the request that `settings` describe; `host` if they name none."""
    return Request(settings.method, settings.host or host, tuple(settings.headers.items()), settings.body.encode())


def _content_type(body: bytes) -> str:
    """Return the type of JSON if `body` is an object or a list in JSON, or else that of text."""
    try:
        is_json = isinstance(json.loads(body), dict | list)
    except ValueError:
        is_json = False
    return "application/json" if is_json else "text/plain; charset=utf-8"
