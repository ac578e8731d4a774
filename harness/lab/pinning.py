"""Pins this process, which is the client, for as long as it measures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil


@contextmanager
def pinned(cpus: Sequence[int]) -> Iterator[None]:
    """Run on `cpus`; afterwards where we were allowed to run before."""
    process = psutil.Process()
    before = process.cpu_affinity()
    process.cpu_affinity(list(cpus))
    try:
        yield
    finally:
        process.cpu_affinity(before)
