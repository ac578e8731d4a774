"""Measures the CPU time of processes, all their threads together, in nanoseconds."""

import resource
import time
from collections.abc import Callable, Mapping, Sequence

from harness.evidence.cpu_clock import cpu_clock
from harness.evidence.family_clock import FamilyClock


def cpu_reader(
    pids: Mapping[str, Sequence[int]], families: Mapping[str, FamilyClock] | None = None
) -> Callable[[], Mapping[str, int]]:
    """Return a function that reads the CPU time of the client and each role; it raises OSError when a process ended.

    For roles in `families` it counts every process, also those that come and go; for the others exactly `pids`.
    """
    changing = families or {}
    fixed = [(role, [cpu_clock(pid) for pid in role_pids]) for role, role_pids in pids.items() if role not in changing]
    read_ns = time.clock_gettime_ns

    def read() -> Mapping[str, int]:
        fixed_ns = {role: sum(map(read_ns, clocks)) for role, clocks in fixed}
        return {"client": client_ns(), **fixed_ns, **{role: clock.read_ns() for role, clock in changing.items()}}

    return read


def client_ns() -> int:
    """Return the CPU time of this process and of every load tool that has ended, with its supervisor."""
    tools = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time_ns() + round((tools.ru_utime + tools.ru_stime) * 1e9)
