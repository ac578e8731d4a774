"""CPU time that processes have used so far, all their threads together, in nanoseconds."""

import resource
import time
from collections.abc import Callable, Mapping, Sequence

# The clock of another process: its inverted number, and 2 for "scheduled time" (include/linux/posix-timers.h).
# It sums the sum_exec_runtime that /proc/PID/schedstat shows, but of every thread, also of one that is running,
# in one system call.
SCHEDULED_TIME = 2


def cpu_clock(pid: int) -> int:
    return (~pid << 3) | SCHEDULED_TIME


def cpu_reader(pids: Mapping[str, Sequence[int]]) -> Callable[[], Mapping[str, int]]:
    """A function that gives the CPU time of the client and each role. OSError when one of its processes has ended."""
    clocks = [(role, [cpu_clock(pid) for pid in some]) for role, some in pids.items()]
    read = time.clock_gettime_ns

    def reading() -> Mapping[str, int]:
        return {"client": client_ns(), **{role: sum(map(read, some)) for role, some in clocks}}

    return reading


def client_ns() -> int:
    """Of this process and of every load tool that it has seen end, with its keeper."""
    tools = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time_ns() + round((tools.ru_utime + tools.ru_stime) * 1e9)
