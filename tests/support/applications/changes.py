"""Answers otherwise after so many requests to a process, but for the first processes: CHANGE says how.

How many processes there have been is the number of lines in the file STARTS; REQUESTS and SPARED are the numbers.
"""

import os
from itertools import count
from pathlib import Path

from starlette.types import Receive, Scope, Send

STARTS = Path(os.environ["STARTS"])
with STARTS.open("a") as file:
    file.write(f"{os.getpid()}\n")
SPARED = len(STARTS.read_text().splitlines()) <= int(os.environ["SPARED"])
ANSWERS = {
    "": (200, b"application/json", b'{"hello": "world"}'),
    "status": (204, b"application/json", b""),
    "keys": (200, b"application/json", b'{"error": "world"}'),
    "html": (200, b"text/html", b"<html>hello</html>"),
    "empty": (200, b"application/json", b""),
}
requests = count(1)


async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
    number = next(requests)
    changed = not SPARED and number > int(os.environ["REQUESTS"]) and number % int(os.environ.get("EACH", "1")) == 0
    status, kind, body = ANSWERS[os.environ["CHANGE"] if changed else ""]
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *length]})
    await send({"type": "http.response.body", "body": body})
