"""An application that spends a known time in one C function: `/crc32/20` takes 20 us of zlib's crc32 for each request.

Each call is timed, and the next one is longer or shorter by half a percent: so its median stays at the time asked for.
"""

import time
import zlib
from collections.abc import Callable
from typing import Any

from plain import answer

BUFFER = memoryview(bytes(16 * 1024))  # fits the first level cache: the burn does not make other functions slower
STEP = 1.005
TRIALS = 200
FUNCTIONS: dict[str, Callable[[memoryview], int]] = {"crc32": zlib.crc32, "adler32": zlib.adler32}
sizes_bytes: dict[str, float] = {}  # by path


def first_size_bytes(function: Callable[[memoryview], int], us: float) -> float:
    """The bytes that fit into the time according to a few calls."""
    took_ns = []
    for _ in range(TRIALS):
        start_ns = time.perf_counter_ns()
        function(BUFFER)
        took_ns.append(time.perf_counter_ns() - start_ns)
    return len(BUFFER) * 1000 * us / sorted(took_ns)[TRIALS // 2]


def burn(path: str) -> None:
    _, name, us = path.split("/")
    function = FUNCTIONS[name]
    if path not in sizes_bytes:
        sizes_bytes[path] = first_size_bytes(function, float(us))
    whole, rest = divmod(int(sizes_bytes[path]), len(BUFFER))
    start_ns = time.perf_counter_ns()
    for _ in range(whole):
        function(BUFFER)
    function(BUFFER[:rest])
    took_ns = time.perf_counter_ns() - start_ns
    sizes_bytes[path] *= STEP if took_ns < 1000 * float(us) else 1 / STEP


async def app(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        burn(scope["path"])
        await answer(send)
