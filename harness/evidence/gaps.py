"""How much of a CPU others take from a loop that only looks at the clock, as the kernel's osnoise tracer asks."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.lab.pinning import pinned

# A turn of the loop takes some 0.1 us. Documentation/trace/osnoise-tracer.rst counts from 5 us; the interpreter's own
# work must not count here.
GAP_NS = 10_000


@dataclass(frozen=True, slots=True)
class Gaps:
    """What one CPU lost in `seconds` to whatever is not the loop: interrupts, other processes, the hypervisor."""

    cpu: int
    seconds: float
    count: int
    lost_us: float
    longest_us: float

    @property
    def lost_percent(self) -> float:
        return self.lost_us / (self.seconds * 1e4) if self.seconds else 0.0


def watch_gaps(cpu: int, seconds: float) -> Gaps:
    """Keeps `cpu` busy for `seconds`. Raises OSError where this process may not run there."""
    with pinned([cpu]), _no_collection():
        start_ns = time.perf_counter_ns()
        found = gaps_until(start_ns + round(seconds * 1e9), time.perf_counter_ns)
        elapsed_ns = time.perf_counter_ns() - start_ns
    return Gaps(cpu, elapsed_ns / 1e9, len(found), sum(found) / 1e3, max(found, default=0) / 1e3)


def gaps_until(end_ns: int, clock: Callable[[], int]) -> list[int]:
    """The times in ns between two readings of `clock`, up to `end_ns`, that are GAP_NS or longer."""
    found: list[int] = []
    now = clock()
    while now < end_ns:
        last, now = now, clock()
        if now - last >= GAP_NS:
            found.append(now - last)
    return found


@contextmanager
def _no_collection() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
