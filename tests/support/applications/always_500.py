"""Answers every request with an error."""

from plain import answer
from starlette.types import Receive, Scope, Send


async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, status=500)
