"""The CPU time of a family of processes that start and end while it is measured."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.evidence.cpu_clock import cpu_clock
from harness.evidence.reaped import TICK_NS, Reaped
from harness.lab.family import PROC, Family

STAT_BYTES = 1024
MAX_ATTEMPTS = 20
ROUNDING_TICKS = 4  # user and system time are each rounded down, before and after


@dataclass(slots=True)
class FamilyClock:
    """The sum of the clocks of all living processes and of the times of ended children in their parents.

    The time of a process that ends moves to the parent that waits for it, in whole ticks. The clock looks for new
    processes only when the kernel has started one, anywhere, since the last reading.
    """

    family: Family
    proc: Path = PROC
    stats: dict[int, int] = field(default_factory=dict)  # by pid: its open stat file
    newest: bytes = b""
    total_ns: int = 0
    lost_ns: int = 0  # of processes without a waiting parent, up to the reading before their end

    def read_ns(self) -> int:
        """Return the CPU time so far. Raise OSError when a worker has ended."""
        if (newest := self._newest_process()) != self.newest:
            self.newest = newest
            self._find_processes()
        total_ns = self._total_ns()
        if total_ns + self.lost_ns + ROUNDING_TICKS * TICK_NS < self.total_ns:
            self.lost_ns = self.total_ns - total_ns
        self.total_ns = total_ns + self.lost_ns
        return self.total_ns

    def close(self) -> None:
        """Close all files."""
        while self.stats:
            os.close(self.stats.popitem()[1])

    def _newest_process(self) -> bytes:
        """Return the latest process number of the machine: the last word of /proc/loadavg."""
        return (self.proc / "loadavg").read_bytes().rpartition(b" ")[2]

    def _find_processes(self) -> None:
        """Open new processes. A process stays until it has ended, also when it changes its parent."""
        for pid in [pid for pid, descriptor in self.stats.items() if not _has_process(descriptor)]:
            os.close(self.stats.pop(pid))
        for pid in self.family.all(self.proc):
            if pid not in self.stats:
                with suppress(OSError):  # it has ended in between
                    self.stats[pid] = os.open(self.proc / str(pid) / "stat", os.O_RDONLY | os.O_CLOEXEC)
        if missing := set(self.family.workers) - self.stats.keys():
            raise ProcessLookupError(f"The worker {min(missing)} has ended.")

    def _total_ns(self) -> int:
        """Return the sum of all clocks. Where processes come and go fast, a process may end in every attempt."""
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return self._sum_ns()
            except OSError:  # a process has just ended
                self._find_processes()
        return self._sum_ns()

    def _sum_ns(self) -> int:
        read_ns = time.clock_gettime_ns
        clocks_ns = sum(read_ns(cpu_clock(pid)) for pid in self.stats if pid not in self.family.supervisors)
        ticks = sum(Reaped.in_stat(os.pread(descriptor, STAT_BYTES, 0)).ticks for descriptor in self.stats.values())
        return clocks_ns + ticks * TICK_NS


def _has_process(descriptor: int) -> bool:
    try:
        return bool(os.pread(descriptor, STAT_BYTES, 0))
    except OSError:
        return False
