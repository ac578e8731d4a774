"""Pins this process, which is the client, for as long as it measures."""

import os
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


def move_to(cpus: Sequence[int]) -> None:
    """Run on `cpus` from now on; within `pinned`, and a single system call."""
    os.sched_setaffinity(0, cpus)
