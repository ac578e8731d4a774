"""Answers every fiftieth request with an error."""

from itertools import count

from plain import answer
from starlette.types import Receive, Scope, Send

requests = count(1)


async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, status=200 if next(requests) % 50 else 500)
