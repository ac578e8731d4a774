"""Prints 20 lines of 200 bytes for each request, as an application with DEBUG logging does."""

import sys

from plain import answer
from starlette.types import Receive, Scope, Send


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    for _ in range(20):
        sys.stdout.write("DEBUG " + "z" * 193 + "\n")
    sys.stdout.flush()
    await answer(send)
