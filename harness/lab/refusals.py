"""Explains a wrong answer of an application: its status, its text, and the setting that may correct it."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

from harness.experiment.wording import shown
from harness.model import Reply, Settings

LONGEST_QUOTED = 160
MOST_READ_BYTES = 65536
HIDDEN_ELEMENTS = ("head", "script", "style")  # elements whose text a browser does not show
HINT_OF_STATUS = {
    400: "host",
    401: "headers",
    403: "headers",
    404: "host",
    405: "method",
    411: "body",
    415: "headers",
    421: "host",
    422: "body",
}
HINTS = {
    "host": "If it serves certain hosts only, set host to one of them; the request's was {host}.",
    "headers": "If it needs a header, like Authorization, set headers.",
    "method": "If it answers to another method than {method}, set method.",
    "body": "If it needs a body of another kind, set method, headers and body.",
}
CSRF_HINT = (
    "If it checks for a CSRF token, exempt the view or send one: Django takes any 32 letters T as headers = "
    '{ Cookie = "csrftoken=T", X-CSRFToken = "T" }.'
)
HTTPS_HINT = (
    "If it wants https and believes a proxy that says so (Django's SECURE_PROXY_SSL_HEADER, gunicorn, uvicorn), set "
    'headers = { X-Forwarded-Proto = "https" }.'
)
# What nginx logs about a response that it never passes on.
TOO_BIG_HEADER = "upstream sent too big header"
INVALID_RESPONSE = re.compile(r"upstream sent (?:invalid|no valid|duplicate|unsupported|unexpected) [^,]*")


def refusal_hint(settings: Settings, host: str, reply: Reply) -> str:
    """Return what `reply` itself says, and which setting may help; "" where nothing is known."""
    quoted = "" if reply.headers.get("location") else _quoted(reply)
    if reply.status == 403 and "csrf" in quoted.lower():
        return f"{quoted} {CSRF_HINT}"
    key = HINT_OF_STATUS.get(reply.status, "")
    hint = HINTS[key].format(host=host, method=settings.method) if key else ""
    return " ".join(filter(None, (quoted, _redirect_hint(settings, host, reply), hint)))


def _redirect_hint(settings: Settings, host: str, reply: Reply) -> str:
    """Return where `reply` redirects to, and the setting that follows it."""
    location = reply.headers.get("location", "")
    if not location:
        return ""
    redirect = f"It sends the client to {location[:LONGEST_QUOTED]!r}."
    try:
        parts = urlsplit(location)
    except ValueError:
        return redirect
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    if path == settings.path and parts.scheme == "https":
        return f"{redirect} {HTTPS_HINT}"
    if path == settings.path and parts.hostname and parts.netloc != host:
        return f"{redirect} Set host to {shown(parts.netloc)}."
    if parts.netloc in ("", host) and path.startswith("/") and path != settings.path:
        return f"{redirect} Set path to {shown(path)} to measure what it leads to."
    return redirect


def lasting_502(settings: Settings, nginx_log: str) -> str:
    """Return why nginx will never pass the answer on, in a sentence; "" where it may yet."""
    if TOO_BIG_HEADER in nginx_log:
        return (
            f"The headers of its answer do not fit nginx's buffer, proxy_buffer_kb = {settings.proxy_buffer_kb}. Set "
            "proxy_buffer_kb to more, up to 1024, or let the application send less."
        )
    if match := INVALID_RESPONSE.search(nginx_log):
        return f"Its answer is no HTTP that nginx passes on: {match[0]}. Correct the application."
    return ""


def _quoted(reply: Reply) -> str:
    """The beginning of an answer that is text for a reader."""
    kind = reply.headers.get("content-type", "")
    if not kind.startswith(("text/plain", "text/html", "application/json", "application/problem+json")):
        return ""
    body = reply.body[:MOST_READ_BYTES].decode(errors="replace")
    text = " ".join((_visible_text(body) if kind.startswith("text/html") else body).split())
    short = text if len(text) <= LONGEST_QUOTED else f"{text[: LONGEST_QUOTED - 4]} ..."
    return f"It says: {short!r}." if short.isprintable() and short else ""


def _visible_text(page: str) -> str:
    """Return the text that a browser shows of `page`."""
    reader = _TextParser()
    reader.feed(page)
    return " ".join(reader.pieces)


class _TextParser(HTMLParser):
    """Collects the text of a page outside hidden elements."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        if tag in HIDDEN_ELEMENTS:
            self._inside.append(tag)
        elif tag == "body":  # ends a head that nothing closed
            self._inside.clear()

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside and data.strip():
            self.pieces.append(data)
