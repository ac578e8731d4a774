"""Request one URL with molotov and record the times, which molotov does not measure."""

import json
import ssl
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
from molotov import global_teardown, scenario, setup

ASKED = json.loads(Path("asked.json").read_text(encoding="utf-8"))


class MolotovRun:
    """The requests of all workers together."""

    def __init__(self) -> None:
        self.start_s: list[float] = []
        self.end_s: list[float] = []
        self.latency_us: list[float] = []
        self.failures: Counter[str] = Counter()

    def record(self, begun_s: float, ended_s: float, kind: str | None) -> None:
        """Record a request; `kind` is that of its failure, if it failed."""
        self.start_s.append(begun_s)
        self.end_s.append(ended_s)
        if kind:
            self.failures[kind] += 1
        else:
            self.latency_us.append(1e6 * (ended_s - begun_s))

    def write(self) -> None:
        """Write the outcome as JSON."""
        outcome = {
            "latency_us": self.latency_us,
            "failures": self.failures,
            "duration_s": max(self.end_s, default=0.0) - min(self.start_s, default=0.0),
        }
        Path("outcome.json").write_text(json.dumps(outcome), encoding="utf-8")


def is_right(status: int) -> bool:
    """Return whether `status` is the proved one, or 2xx."""
    return bool(status == ASKED["status"] if ASKED["status"] else 200 <= status < 300)


async def kind_of_answer(answer: aiohttp.ClientResponse) -> str | None:
    """Read an answer; return what is wrong with it, in the words of barehop's client, if anything."""
    size_bytes = 0
    async for piece in answer.content.iter_any():
        size_bytes += len(piece)
        if size_bytes > ASKED["most_body_bytes"]:
            answer.close()
            return "long body"
    return None if is_right(answer.status) else f"status {answer.status}"


def kind_of(error: Exception) -> str:
    """Return the kind of failure, in the words of barehop's client."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "short body"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused" if isinstance(error.os_error, ConnectionRefusedError) else "connect"
    return "reset" if isinstance(error, ConnectionResetError) else "no answer"


RUN = MolotovRun()
BODY = None if ASKED["body"] is None else ASKED["body"].encode()


@global_teardown()
def finish() -> None:
    """Write the outcome at the end of the run."""
    RUN.write()


@setup()
async def session_options(_worker: int, _arguments: object) -> dict[str, Any]:
    """Return the options of a worker's aiohttp session."""
    tls = ssl.create_default_context(cafile=ASKED["authority"]) if ASKED["authority"] else True
    return {
        "connector": aiohttp.TCPConnector(force_close=not ASKED["keepalive"], ssl=tls),
        "timeout": aiohttp.ClientTimeout(total=ASKED["timeout_s"]),
        "headers": ASKED["headers"],
        "auto_decompress": False,  # decompressed data could exceed any limit
    }


@scenario()
async def visit(session: aiohttp.ClientSession) -> None:
    """Send one request and record it."""
    begun_s = perf_counter()
    try:
        async with session.request(ASKED["method"], ASKED["url"], data=BODY, allow_redirects=False) as answer:
            kind = await kind_of_answer(answer)
    except (aiohttp.ClientError, OSError) as error:
        kind = kind_of(error)
    RUN.record(begun_s, perf_counter(), kind)
