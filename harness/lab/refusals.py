"""Why an answer is not the one to be measured: what its status says, and the setting that may change it."""

import re

from harness.model import Reply, Settings

LONGEST_QUOTED = 160
OF_STATUS = {
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
# What nginx writes of an answer that it will not pass on, however often it is asked.
TOO_BIG = "upstream sent too big header"
INVALID = re.compile(r"upstream sent (?:invalid|no valid|duplicate|unsupported|unexpected) [^,]*")


def refusal_hint(settings: Settings, host: str, reply: Reply) -> str:
    """Return what `reply` says of itself, and which setting may help; "" where nothing is known."""
    key = OF_STATUS.get(reply.status, "")
    hint = HINTS[key].format(host=host, method=settings.method) if key else ""
    location = reply.headers.get("location", "")
    sent = f"It sends the client to {location[:LONGEST_QUOTED]!r}." if location else ""
    return " ".join(filter(None, (_quoted(reply), sent, hint)))


def lasting_502(settings: Settings, nginx_log: str) -> str:
    """Return why nginx will never pass the answer on, in a sentence; "" where it may yet."""
    if TOO_BIG in nginx_log:
        return (
            f"The headers of its answer do not fit nginx's buffer, proxy_buffer_kb = {settings.proxy_buffer_kb}. Set "
            "proxy_buffer_kb to more, up to 1024, or let the application send less."
        )
    if found := INVALID.search(nginx_log):
        return f"Its answer is no HTTP that nginx passes on: {found[0]}. Correct the application."
    return ""


def _quoted(reply: Reply) -> str:
    """The beginning of an answer that is text for a reader."""
    kind = reply.headers.get("content-type", "")
    if not kind.startswith(("text/plain", "application/json", "application/problem+json")):
        return ""
    text = " ".join(reply.body[: 4 * LONGEST_QUOTED].decode(errors="replace").split())
    short = text if len(text) <= LONGEST_QUOTED else f"{text[: LONGEST_QUOTED - 4]} ..."
    return f"It says: {short!r}." if short.isprintable() and short else ""
