"""Measures how much CPU time other work takes from a busy loop that reads the clock, as the osnoise tracer does."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.lab.pinning import pinned

# An iteration of the loop takes about 0.1 us. The osnoise tracer counts gaps from 5 us (Documentation/trace/
# osnoise-tracer.rst); here the interpreter's own work must not count.
GAP_NS = 10_000


@dataclass(frozen=True, slots=True)
class Gaps:
    """The time that one CPU lost in `seconds` to interrupts, other processes and the hypervisor."""

    cpu: int
    seconds: float
    count: int
    lost_us: float
    longest_us: float

    @property
    def lost_percent(self) -> float:
        """Return the lost share of the time."""
        return self.lost_us / (self.seconds * 1e4) if self.seconds else 0.0


def watch_gaps(cpu: int, seconds: float) -> Gaps:
    """Keep `cpu` busy for `seconds`, and return the gaps. Raise OSError where this process may not run there."""
    with pinned([cpu]), _gc_disabled():
        start_ns = time.perf_counter_ns()
        gaps_ns = gaps_until(start_ns + round(seconds * 1e9), time.perf_counter_ns)
        elapsed_ns = time.perf_counter_ns() - start_ns
    return Gaps(cpu, elapsed_ns / 1e9, len(gaps_ns), sum(gaps_ns) / 1e3, max(gaps_ns, default=0) / 1e3)


def gaps_until(end_ns: int, clock: Callable[[], int]) -> list[int]:
    """Return the times in ns of at least GAP_NS between two readings of `clock`, up to `end_ns`."""
    gaps_ns: list[int] = []
    now = clock()
    while now < end_ns:
        last, now = now, clock()
        if now - last >= GAP_NS:
            gaps_ns.append(now - last)
    return gaps_ns


@contextmanager
def _gc_disabled() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
