"""Measure the time since the start of this process, and how slow the machine is now."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MOST_SLOWNESS = 10.0
PROBE_CPU_S = 0.05
STARTED_FIELD = 19  # starttime in /proc/PID/stat, counted from the field after the name, in clock ticks since boot


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that counts from `began_s`, a time of `now()`."""

    began_s: float
    now: Callable[[], float] = time.monotonic

    def spent_s(self) -> float:
        """Return the seconds since the clock began."""
        return self.now() - self.began_s


def command_clock() -> Clock:
    """Return a clock that counts from the start of this process."""
    return Clock(time.monotonic() - process_age_s())


def process_age_s(stat: Path = Path("/proc/self/stat")) -> float:
    """Return the seconds since this process was started; 0 if unknown."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
        started_s = int(fields[STARTED_FIELD]) / os.sysconf("SC_CLK_TCK")
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - started_s, 0.0)
    except (OSError, ValueError, IndexError):
        return 0.0


def slowness(elapsed_s: float, cpu_s: float) -> float:
    """Return elapsed time / CPU time of a computation, limited to 1 to 10: above 1 if others used the CPUs."""
    return min(max(elapsed_s / cpu_s, 1.0), MOST_SLOWNESS) if cpu_s > 0 else 1.0


def current_slowness() -> float:
    """Return the slowness of a short computation made now.

    The start-up of the command is no substitute: the first one on a machine waits for the disk.
    """
    began_s, began_cpu_s = time.monotonic(), time.thread_time()
    while time.thread_time() - began_cpu_s < PROBE_CPU_S:
        pass
    return slowness(time.monotonic() - began_s, time.thread_time() - began_cpu_s)
