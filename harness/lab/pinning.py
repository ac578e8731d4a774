"""Pins this process, the client, while it measures."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil


@contextmanager
def pinned(cpus: Sequence[int]) -> Iterator[None]:
    """Run this process on `cpus` inside, and on its former CPUs afterwards."""
    process = psutil.Process()
    before = process.cpu_affinity()
    process.cpu_affinity(list(cpus))
    try:
        yield
    finally:
        process.cpu_affinity(before)


def move_to(cpus: Sequence[int]) -> None:
    """Run this process on `cpus` from now on, by a single system call; for use within `pinned`."""
    os.sched_setaffinity(0, cpus)
