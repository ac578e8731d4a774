"""Finds the processes that hold a kernel lock, in /proc/locks (man 5 proc_locks)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from harness.lab.kernelfiles import HERE, Roots, read

COMMAND_NAME = "barehop"
MEASURING_MODULES = ("harness", "harness.floor", "scripts.by_hand", "scripts.precision_study")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a lock. `is_run`: its command line is that of a barehop program that measures."""

    pid: int
    name: str
    user: str
    since_utc: str
    is_run: bool

    def __str__(self) -> str:
        """Return process, name, user and start time for messages."""
        return f"process {self.pid} ({self.name}, user {self.user}, since {self.since_utc})"


def holders_of(inode: int, roots: Roots = HERE) -> list[Holder]:
    """Return the processes visible here with a flock on `inode`."""
    holders = (_holder(pid) for pid in pids_with(inode, roots))
    return [holder for holder in holders if holder]


def pids_with(inode: int, roots: Roots = HERE) -> list[int]:
    """Return the pids with a flock on `inode`. A line is `1: FLOCK  ADVISORY  WRITE 123 00:04:4026531834 0 EOF`."""
    rows = [line.split() for line in (read(roots.proc / "locks") or "").splitlines()]
    flocks = [row for row in rows if len(row) >= 6 and row[1] == "FLOCK"]
    return [int(row[4]) for row in flocks if row[5].rpartition(":")[2] == str(inode)]


def holds(inode: int | None, roots: Roots = HERE) -> bool | None:
    """Return whether this process has a flock on `inode` (None: no file); None where /proc/locks cannot be read."""
    if read(roots.proc / "locks") is None:
        return None
    return inode is not None and int((roots.proc / "self").readlink().name) in pids_with(inode, roots)


def is_run(words: Sequence[str]) -> bool:
    """Return whether a command line is that of a barehop program that measures."""
    return any(
        word in MEASURING_MODULES
        or Path(word).name == COMMAND_NAME
        or word.endswith("harness/__main__.py")
        or "from harness" in word
        for word in words
    )


def _holder(pid: int) -> Holder | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            since = datetime.fromtimestamp(process.create_time(), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            return Holder(pid, process.name(), process.username(), since, is_run(process.cmdline()))
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return Holder(pid, "unknown", "unknown", "an unknown time", is_run=False)
