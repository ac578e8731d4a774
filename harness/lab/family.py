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

    `supervisors` start and watch the others, the topmost first; their own CPU time serves no request. `counted`:
    whether other processes than `workers` are read between bursts; see `cpu_time.py`.
    """

    workers: tuple[int, ...]
    supervisors: tuple[int, ...] = ()
    counted: bool = False

    def others(self, proc: Path = PROC) -> tuple[int, ...]:
        """Return the descendants of the first supervisor that are neither workers nor supervisors, lowest first."""
        if not self.supervisors:
            return ()
        return tuple(sorted({*descendants(self.supervisors[0], proc)} - {*self.supervisors, *self.workers}))

    def all(self, proc: Path = PROC) -> tuple[int, ...]:
        """Return supervisors, workers and others."""
        return (*self.supervisors, *self.workers, *self.others(proc))


def descendants(pid: int, proc: Path = PROC) -> tuple[int, ...]:
    """Return all processes below `pid`, zombies too; none where `pid` has ended."""
    has_files = (proc / f"{pid}/task/{pid}/children").exists()
    children = partial(_children_in_files, proc) if has_files else _children_by_scan(proc)
    pids: dict[int, None] = {}
    waiting = [pid]
    while waiting:
        new = [child for child in children(waiting.pop()) if child not in pids]
        pids |= dict.fromkeys(new)
        waiting += new
    return tuple(pids)


def _children_in_files(proc: Path, pid: int) -> list[int]:
    """Return the children of each thread of `pid` (man 5 proc: children), without a scan of all processes."""
    tasks = (proc / f"{pid}/task").glob("[0-9]*")
    return [int(child) for task in tasks for child in (read(task / "children") or "").split()]


def _children_by_scan(proc: Path) -> Callable[[int], list[int]]:
    """Return the same function for a kernel without CONFIG_PROC_CHILDREN."""
    children_of: dict[int, list[int]] = {}
    for path in proc.glob("[0-9]*"):
        children_of.setdefault(parent_in(read(path / "stat")), []).append(int(path.name))
    return lambda pid: children_of.get(pid, [])


def parent_in(stat: str | None) -> int:
    """Return the parent's pid from the text of /proc/PID/stat; 0 where the process has ended."""
    return int(stat.rpartition(") ")[2].split()[1]) if stat else 0
