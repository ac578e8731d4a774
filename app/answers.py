"""Make the answers of both applications: JSON, at once or after a known time, or a known number of bytes."""

import random
import re
import time
from datetime import UTC, datetime
from functools import lru_cache

MAX_SPIKE_US = 1_000_000
MAX_STALL_MS = 999
MAX_BYTES = 64 * 1024 * 1024


def hello() -> dict[str, str | float]:
    """Return a small object that differs each time, so that nothing can be cached."""
    return {
        "hello": "world",
        "utcnow": datetime.now(UTC).replace(tzinfo=None).isoformat(),
        "random": random.random(),  # noqa: S311 - makes answers differ, protects nothing
    }


def spike(us: str) -> dict[str, str | float]:
    """Return `hello()` after using `us` microseconds of this thread's CPU time, such as "20" or "3.5".

    Reading the CPU time takes up to a microsecond, so the wall clock tells when: a spike is exact to 0.2 us.
    """
    wanted_ns = round(1000 * _decimal(us, MAX_SPIKE_US))
    end_ns = time.thread_time_ns() + wanted_ns
    _spin(wanted_ns)
    while (left_ns := end_ns - time.thread_time_ns()) > 0:  # another thread ran meanwhile
        _spin(left_ns)
    return hello()


def _spin(wall_ns: int) -> None:
    end_ns = time.perf_counter_ns() + wall_ns
    while time.perf_counter_ns() < end_ns:
        pass


def stall(ms: str) -> dict[str, str | float]:
    """Return `hello()`, but block during the first `ms` milliseconds of each second, like garbage collection."""
    into_second_s = time.monotonic() % 1
    time.sleep(max(_number(ms, MAX_STALL_MS) / 1000 - into_second_s, 0))
    return hello()


def sized(size_bytes: str) -> bytes:
    """Return exactly `size_bytes` bytes."""
    return _filler(_number(size_bytes, MAX_BYTES))


@lru_cache(maxsize=4)
def _filler(size_bytes: int) -> bytes:
    return b"x" * size_bytes


def _decimal(text: str, most: int) -> float:
    """Return the number with at most one decimal in a path. Raises ValueError with a sentence."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9])?", text) and float(text) <= most:
        return float(text)
    raise ValueError(f"The path ends in {text!r}; it must end in a number from 0 to {most}, with one decimal at most.")


def _number(text: str, most: int) -> int:
    """Return the whole number in a path. Raises ValueError with a sentence."""
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most:
        return int(text)
    raise ValueError(f"The path ends in {text!r}; it must end in a whole number from 0 to {most}.")
