"""The processes of a server: its workers, and every process that they or their supervisors start."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.lab.kernelfiles import read

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Family:
    """The processes of one role of a stack.

    `supervisors` start and watch the others, the one above all of them first; their own CPU time serves no request.
    `counted`: whether other processes than `workers` are read between bursts; see `cpu_time.py`.
    """

    workers: tuple[int, ...]
    supervisors: tuple[int, ...] = ()
    counted: bool = False

    def others(self, proc: Path = PROC) -> tuple[int, ...]:
        """The living processes below the first supervisor that are neither workers nor supervisors, lowest first."""
        if not self.supervisors:
            return ()
        return tuple(sorted({*descendants(self.supervisors[0], proc)} - {*self.supervisors, *self.workers}))

    def all(self, proc: Path = PROC) -> tuple[int, ...]:
        """Supervisors, workers and others."""
        return (*self.supervisors, *self.workers, *self.others(proc))


def descendants(pid: int, proc: Path = PROC) -> tuple[int, ...]:
    """All processes below `pid`, zombies too; none where `pid` has ended."""
    by_files = (proc / f"{pid}/task/{pid}/children").exists()
    children = partial(_children_in_files, proc) if by_files else _children_by_scan(proc)
    found: dict[int, None] = {}
    waiting = [pid]
    while waiting:
        new = [child for child in children(waiting.pop()) if child not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return tuple(found)


def _children_in_files(proc: Path, pid: int) -> list[int]:
    """The children of each thread (man 5 proc: children), found without a look at all processes of the machine."""
    tasks = (proc / f"{pid}/task").glob("[0-9]*")
    return [int(child) for task in tasks for child in (read(task / "children") or "").split()]


def _children_by_scan(proc: Path) -> Callable[[int], list[int]]:
    """The same on a kernel without CONFIG_PROC_CHILDREN."""
    found: dict[int, list[int]] = {}
    for path in proc.glob("[0-9]*"):
        found.setdefault(parent_in(read(path / "stat")), []).append(int(path.name))
    return lambda pid: found.get(pid, [])


def parent_in(stat: str | None) -> int:
    """The parent's pid in /proc/PID/stat; 0 where the process has ended."""
    return int(stat.rpartition(") ")[2].split()[1]) if stat else 0
