"""Which requests and urls can be sent."""

import re
from collections.abc import Iterator

from harness.experiment.problems import KeyPath, to_toml
from harness.model import Settings

MAX_HEADERS = 90  # gunicorn accepts 100, with those that clients and nginx add
MAX_HEADER_BYTES = 48_000  # uvicorn accepts 65536, with the rest of the request's head
MAX_REQUEST_BODY_BYTES = 1_000_000  # nginx accepts 1 MiB
MAX_HOST_LENGTH = 255
_NAME = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[!-~]([ -~\t]*[!-~])?")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?)(:\d{1,5})?")
CLIENT_HEADERS = {
    "host": "Set host instead",
    "connection": "Set client_keepalive instead",
    "keep-alive": "Set client_keepalive instead",
    "proxy-connection": "Set client_keepalive instead",
    "content-length": "Leave it out: it is set to the length of body",
    "transfer-encoding": "Leave it out: body is sent with its length",
    "expect": "Leave it out: clients send the body at once",
    "upgrade": "Leave it out: each request is answered in HTTP/1.x",
    "te": "Leave it out: trailers are ignored",
    "trailer": "Leave it out: body is sent without trailers",
    "x-barehop-upstream": "Leave it out: barehop proves by it which server answered",
}


def request_problems(settings: Settings) -> Iterator[tuple[KeyPath, object, str]]:
    """Yield (place, value, end of a sentence) for each setting that cannot be sent."""
    if settings.host and (len(settings.host) > MAX_HOST_LENGTH or not _HOST.fullmatch(settings.host)):
        yield (
            ("host",),
            settings.host,
            'must be a host name or an address, perhaps with a port, like "example.org:8080".',
        )
    for name, value in settings.headers.items():
        if text := _header_problem(name, value):
            yield ("headers", name), value, text
    if text := _size_problem(settings.headers):
        yield ("headers",), settings.headers, text
    body_bytes = len(settings.body.encode(errors="surrogatepass"))
    if body_bytes > MAX_REQUEST_BODY_BYTES:
        yield (
            ("body",),
            settings.body,
            f"has {body_bytes} bytes; nginx accepts at most {MAX_REQUEST_BODY_BYTES} here. Send less.",
        )


def request_conflicts(settings: Settings) -> Iterator[str]:
    """Yield conflicts of `body` with other settings."""
    if settings.body and settings.method == "GET":
        body = _shorten(settings.body)
        yield f'body = {body} excludes method = "GET", whose requests have none. Set method to "POST".'
    if settings.body and settings.chain == "floor":
        body = _shorten(settings.body)
        yield f'body = {body} excludes chain = "floor", whose bare server reads no body. Leave it out.'


def header_bytes(settings: Settings) -> int:
    """Return the size of `headers` on the wire."""
    return sum(len(name) + len(value) + len(": \r\n") for name, value in settings.headers.items())


def _header_problem(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        return 'the name of a header has letters, digits and "-" only; nginx drops others.'
    if name.lower() in CLIENT_HEADERS:
        return f"clients set this header themselves. {CLIENT_HEADERS[name.lower()]}."
    if not _VALUE.fullmatch(value):
        return "the value of a header is visible ASCII on one line, without blanks at its ends."
    return ""


def _size_problem(headers: dict[str, str]) -> str:
    lower = [name.lower() for name in headers]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    if twice:
        return f"{twice[0]!r} is given twice: names ignore case. Keep one of them."
    if len(headers) > MAX_HEADERS:
        return f"has {len(headers)} headers; gunicorn accepts at most {MAX_HEADERS} here. Send fewer."
    total_bytes = header_bytes(Settings(headers=headers))
    if total_bytes > MAX_HEADER_BYTES:
        return f"has {total_bytes} bytes; servers accept at most {MAX_HEADER_BYTES} here. Send less."
    return ""


def _shorten(text: str) -> str:
    value = to_toml(text)
    return value if len(value) <= 40 else f"{value[:36]} ..."
