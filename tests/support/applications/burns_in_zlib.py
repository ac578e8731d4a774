"""An application that spends a known time in one C function: `/burn/20` takes 20 us of zlib's crc32 for each request.

Each call is timed, and the next one is longer or shorter by half a percent: so its median stays at the time asked for.
"""

import time
import zlib
from typing import Any

from plain import answer

BUFFER = memoryview(bytes(16 * 1024))  # fits the first level cache: the burn does not make other functions slower
STEP = 1.005
TRIALS = 200
sizes_bytes: dict[str, float] = {}  # by the time asked for, in us


def first_size_bytes(us: str) -> float:
    """The bytes that fit into the time according to a few calls."""
    took_ns = []
    for _ in range(TRIALS):
        start_ns = time.perf_counter_ns()
        zlib.crc32(BUFFER)
        took_ns.append(time.perf_counter_ns() - start_ns)
    return len(BUFFER) * 1000 * float(us) / sorted(took_ns)[TRIALS // 2]


def burn(us: str) -> None:
    if us not in sizes_bytes:
        sizes_bytes[us] = first_size_bytes(us)
    size_bytes = sizes_bytes[us]
    whole, rest = divmod(int(size_bytes), len(BUFFER))
    start_ns = time.perf_counter_ns()
    for _ in range(whole):
        zlib.crc32(BUFFER)
    zlib.crc32(BUFFER[:rest])
    took_ns = time.perf_counter_ns() - start_ns
    sizes_bytes[us] = size_bytes * STEP if took_ns < 1000 * float(us) else size_bytes / STEP


async def app(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        burn(scope["path"].rpartition("/")[2])
        await answer(send)
