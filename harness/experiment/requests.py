"""Check the requests: a Host, headers and a body that HTTP, nginx and gunicorn accept."""

import re
from collections.abc import Iterator

from harness.experiment.wording import Place, shown
from harness.model import Settings

MOST_HEADERS = 90  # gunicorn accepts 100, with those that clients and nginx add
MOST_HEADER_BYTES = 48_000  # uvicorn accepts 65536, with the rest of the request's head
MOST_BODY_BYTES = 1_000_000  # nginx accepts 1 MiB
LONGEST_HOST = 255
_NAME = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[!-~]([ -~\t]*[!-~])?")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?)(:\d{1,5})?")
OF_A_CLIENT = {
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


def request_problems(settings: Settings) -> Iterator[tuple[Place, object, str]]:
    """Yield (place, value, end of a sentence) for each setting that cannot be sent."""
    if settings.host and (len(settings.host) > LONGEST_HOST or not _HOST.fullmatch(settings.host)):
        yield (
            ("host",),
            settings.host,
            'must be a host name or an address, perhaps with a port, like "example.org:8080".',
        )
    for name, value in settings.headers.items():
        if text := _header_problem(name, value):
            yield ("headers", name), value, text
    if text := _amount_problem(settings.headers):
        yield ("headers",), settings.headers, text
    body_bytes = len(settings.body.encode(errors="surrogatepass"))
    if body_bytes > MOST_BODY_BYTES:
        yield (
            ("body",),
            settings.body,
            f"has {body_bytes} bytes; nginx accepts at most {MOST_BODY_BYTES} here. Send less.",
        )


def broken_request(settings: Settings) -> Iterator[str]:
    """Yield conflicts of `body` with other settings."""
    if settings.body and settings.method == "GET":
        yield f'body = {_short(settings.body)} excludes method = "GET", whose requests have none. Set method to "POST".'
    if settings.body and settings.chain == "floor":
        yield f'body = {_short(settings.body)} excludes chain = "floor", whose bare server reads no body. Leave it out.'


def header_bytes(settings: Settings) -> int:
    """Return the size of `headers` on the wire."""
    return sum(len(name) + len(value) + len(": \r\n") for name, value in settings.headers.items())


def _header_problem(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        return 'the name of a header has letters, digits and "-" only; nginx drops others.'
    if name.lower() in OF_A_CLIENT:
        return f"clients set this header themselves. {OF_A_CLIENT[name.lower()]}."
    if not _VALUE.fullmatch(value):
        return "the value of a header is visible ASCII on one line, without blanks at its ends."
    return ""


def _amount_problem(headers: dict[str, str]) -> str:
    lower = [name.lower() for name in headers]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    if twice:
        return f"{twice[0]!r} is given twice: names ignore case. Keep one of them."
    if len(headers) > MOST_HEADERS:
        return f"has {len(headers)} headers; gunicorn accepts at most {MOST_HEADERS} here. Send fewer."
    total_bytes = header_bytes(Settings(headers=headers))
    if total_bytes > MOST_HEADER_BYTES:
        return f"has {total_bytes} bytes; servers accept at most {MOST_HEADER_BYTES} here. Send less."
    return ""


def _short(text: str) -> str:
    value = shown(text)
    return value if len(value) <= 40 else f"{value[:36]} ..."
