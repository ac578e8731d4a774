"""Kills its worker after so many requests, but for the first processes; both numbers come from the environment.

How many processes there have been is the number of lines in the file STARTS.
"""

import os
import signal
from itertools import count
from pathlib import Path

from plain import answer
from starlette.types import Receive, Scope, Send

starts = Path(os.environ["STARTS"])
with starts.open("a") as file:
    file.write(f"{os.getpid()}\n")
spared = len(starts.read_text().splitlines()) <= int(os.environ["SPARED"])
requests = count(1)


async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
    if next(requests) > int(os.environ["REQUESTS"]) and not spared:
        os.kill(os.getpid(), signal.SIGKILL)
    await answer(send)
