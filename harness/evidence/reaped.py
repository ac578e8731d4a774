"""Resources used by ended children, as the kernel adds them up in their parent. man 5 proc: cutime, cstime."""

import os
from dataclasses import dataclass
from typing import Self

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
MINOR_FAULTS, OWN_USER, OWN_SYSTEM, USER, SYSTEM = 8, 11, 12, 13, 14  # fields after the name, counted from the state


@dataclass(frozen=True, slots=True)
class Reaped:
    """CPU time in clock ticks, and minor page faults, which reveal even children with less than a tick."""

    ticks: int = 0
    faults: int = 0

    @classmethod
    def in_stat(cls, stat: str | bytes | None) -> Self:
        """Parse the content of /proc/PID/stat; zero where the process has ended."""
        text = stat.decode(errors="replace") if isinstance(stat, bytes) else stat or ""
        fields = text.rpartition(") ")[2].split()
        if len(fields) <= SYSTEM:
            return cls()
        return cls(ticks=int(fields[USER]) + int(fields[SYSTEM]), faults=int(fields[MINOR_FAULTS]))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.ticks + other.ticks, self.faults + other.faults)


def own_ticks(stat: str | None) -> int:
    """Return the CPU time in clock ticks of all threads of a process, also ended ones, without its children."""
    fields = (stat or "").rpartition(") ")[2].split()
    return sum(map(int, fields[OWN_USER : OWN_SYSTEM + 1]))
