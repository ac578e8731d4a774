"""CPU time that processes have used so far, all their threads together, in nanoseconds."""

import resource
import time
from collections.abc import Callable, Mapping, Sequence

from harness.evidence.cpu_clock import cpu_clock
from harness.evidence.family_clock import FamilyClock


def cpu_reader(
    pids: Mapping[str, Sequence[int]], families: Mapping[str, FamilyClock] | None = None
) -> Callable[[], Mapping[str, int]]:
    """A function that returns the CPU time of the client and each role. OSError when one of its processes has ended.

    Of the roles in `families` every process counts, also those that come and go; of the others exactly `pids`.
    """
    changing = families or {}
    clocks = [(role, [cpu_clock(pid) for pid in some]) for role, some in pids.items() if role not in changing]
    read = time.clock_gettime_ns

    def reading() -> Mapping[str, int]:
        fixed = {role: sum(map(read, some)) for role, some in clocks}
        return {"client": client_ns(), **fixed, **{role: clock.read_ns() for role, clock in changing.items()}}

    return reading


def client_ns() -> int:
    """Of this process and of every load tool that it has seen end, with its keeper."""
    tools = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time_ns() + round((tools.ru_utime + tools.ru_stime) * 1e9)
