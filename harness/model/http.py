"""A request as all clients send it, where it goes, and the shape of its answer."""

import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from harness.model.settings import PATH_PATTERN, Settings

DEFAULT_PORTS = {"http": 80, "https": 443}
UNIX_SCHEME = "http+unix"
MAX_SOCKET_PATH_BYTES = 107  # man 7 unix: sun_path holds 108, the last of them the terminating zero
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
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


@dataclass(frozen=True, slots=True)
class Target:
    """The address that a client visits for an arm: nginx, the server behind it, or a service."""

    host: str
    port: int
    path: str
    ca_file: Path | None = None  # the certificate to trust, with TLS
    keepalive: bool = False
    socket: Path | None = None  # a Unix socket; then host and port do not matter
    timeout_s: float = 10.0
    tls: bool = False  # without an authority, the system's trust store is used
    address: str = ""  # of `host` after name resolution; "": `host` is an address
    expected_answer: AnswerShape | None = None  # the required shape of answers; None: any 2xx answer is correct
    request: Request = PLAIN_REQUEST

    @property
    def is_encrypted(self) -> bool:
        """Whether the client uses TLS."""
        return self.tls or self.ca_file is not None

    @property
    def url_host(self) -> str:
        """Host and port as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = DEFAULT_PORTS["https" if self.is_encrypted else "http"]
        return host if self.socket or self.port == usual else f"{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """Host header of its requests."""
        return self.request.host or self.url_host

    @property
    def host_override(self) -> tuple[str, ...]:
        """`Host: NAME` for a tool to send instead of the host of the URL; empty if they are the same."""
        return (f"Host: {self.request.host}",) if self.request.host not in ("", self.url_host) else ()

    @property
    def url(self) -> str:
        """URL, or `unix:SOCKET:PATH`."""
        if self.socket:
            return f"unix:{self.socket}:{self.path}"
        return f"{'https' if self.is_encrypted else 'http'}://{self.url_host}{self.path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to an untimed request; header names are in lower case.

    `body` is the beginning of a body of `length_bytes`; None: it is the whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    length_bytes: int | None = None

    @property
    def body_bytes(self) -> int:
        """Size of the whole body."""
        return len(self.body) if self.length_bytes is None else self.length_bytes

    @property
    def shape(self) -> AnswerShape:
        """Shape that later answers must have."""
        kind = media_type(self.headers.get("content-type", ""))
        is_whole = self.body_bytes == len(self.body)
        coding = self.headers.get("content-encoding", "").lower()
        return AnswerShape(self.status, self.body_bytes, kind, json_keys(kind, coding, self.body) if is_whole else None)


def header_bytes(settings: Settings) -> int:
    """Return the size of `headers` on the wire."""
    return sum(len(name) + len(value) + len(": \r\n") for name, value in settings.headers.items())


def requested_bytes(path: str) -> int | None:
    """Return the size of the body that a path like /bytes/100 requests; None for other paths."""
    match = re.fullmatch(r"/bytes/(\d{1,8})(?:\?.*)?", path)
    return int(match[1]) if match else None


def url_problem(text: str) -> str:
    """Return why `text` is not a valid url, as the end of a sentence; "" if it is valid."""
    try:
        parse_url(text)
    except ValueError as problem:
        return str(problem)
    return ""


def parse_url(text: str) -> Target:
    """Return the target that a url names, with defaults for the rest. Raises ValueError with the end of a sentence."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a url has only visible ASCII characters; write a host with other letters as xn--....")
    if text.partition("://")[0] not in (*DEFAULT_PORTS, UNIX_SCHEME):
        raise ValueError("must begin with http://, https:// or http+unix://.")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError(f"is no url: {error}.") from None
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    if parts.fragment or not re.match(PATH_PATTERN, path):
        raise ValueError(f"{parts.path}{parts.fragment and f'#{parts.fragment}'} cannot be requested as a path.")
    if parts.scheme == UNIX_SCHEME:
        return Target("localhost", 0, path, socket=_parse_socket(parts.netloc))
    return Target(_parse_host(parts), _parse_port(parts), path, tls=parts.scheme == "https")


def _parse_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "@" in parts.netloc or not (_is_address(host) or _HOST_NAME.fullmatch(host)):
        raise ValueError("must name a host and perhaps a port, like http://127.0.0.1:8080/ or http://[::1]:8080/.")
    return host


def _is_address(host: str) -> bool:
    try:
        return not getattr(ip_address(host), "scope_id", None)
    except ValueError:
        return False


def _parse_port(parts: SplitResult) -> int:
    try:
        port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535.")
    return port


def _parse_socket(quoted: str) -> Path:
    path = unquote(quoted)
    if not path.startswith("/"):
        raise ValueError(
            "begin with the absolute path of the socket, with %2F for each slash: http+unix://%2Frun%2Fapp.sock/."
        )
    if len(path.encode()) > MAX_SOCKET_PATH_BYTES:
        raise ValueError(f"the socket's path is longer than the kernel's limit of {MAX_SOCKET_PATH_BYTES} bytes.")
    return Path(path)
