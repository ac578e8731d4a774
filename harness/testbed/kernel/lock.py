"""One run on a machine at a time: the lock, and which processes hold it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from harness.errors import MachineError
from harness.testbed.kernel.journal import state_directory
from harness.testbed.machine.directories import UnsafeError, make_private_directory, open_private_file, try_lock
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, read_text

LOCK_VARIABLE = "BAREHOP_LOCK"
RUN_LOCK = "run.lock"
# Namespace files that nearly all processes share, best first, with the inode of the initial namespace
# (include/linux/proc_ns.h): in it, the lock holds for the whole machine.
NAMESPACE_FILES = {"time": 0xEFFFFFFA, "cgroup": 0xEFFFFFFB}
TRIES, PAUSE_S = 3, 0.1  # a holder may end during the search
COMMAND_NAME = "barehop"
MEASURING_MODULES = ("harness", "harness.floor.bench", "scripts.by_hand", "scripts.precision_study")


@dataclass(frozen=True, slots=True)
class MachineLock:
    """A kernel file to lock. `is_whole`: every process of the machine that takes the lock uses this file."""

    path: Path
    inode: int
    is_whole: bool


@contextmanager
def hold_machine(
    say: Callable[[str], object] = lambda _: None, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """Hold this machine; `say` and yield what the lock does not cover, or "". Raises MachineError where it is held.

    BAREHOP_LOCK names another lock file, which keeps apart only the runs that name it.
    """
    with ExitStack() as exit_stack:
        open_point = _take_locks(environment, exit_stack)
        if open_point:
            open_point += ": another run of barehop may be measuring at the same time."
            say(open_point)
        yield open_point


def _take_locks(environment: Mapping[str, str], exit_stack: ExitStack) -> str:
    """Take the lock that the environment names, or those of the machine and of the state directory."""
    if other := environment.get(LOCK_VARIABLE):
        try:
            _take_file(Path(other), exit_stack)
        except OSError as error:
            raise MachineError(
                f"{LOCK_VARIABLE} = {other}: this file cannot be opened: {error.strerror}. Name another, or unset "
                f"{LOCK_VARIABLE}."
            ) from None
        return ""
    lock = machine_lock()
    open_point = _take_machine(lock, exit_stack) if lock else "This kernel shows no file to lock"
    try:
        _take_file(make_private_directory(state_directory(environment)) / RUN_LOCK, exit_stack)
    except (OSError, UnsafeError):
        return f"{open_point}, and the state directory cannot be used either" if open_point else ""
    return open_point


def machine_lock(roots: Roots = HOST_ROOTS) -> MachineLock | None:
    """Return the lock of this machine; None where the kernel, or this /proc, has no such file."""
    for name, initial in NAMESPACE_FILES.items():
        path = roots.proc / "self/ns" / name
        if path.exists():
            inode = path.stat().st_ino
            return MachineLock(path, inode, is_whole=inode == initial)
    return None


def _take_machine(lock: MachineLock, exit_stack: ExitStack) -> str:
    """Lock; return what is not covered, or "". Raises MachineError if a run or an invisible process holds it."""
    descriptor = os.open(lock.path, os.O_RDONLY | os.O_CLOEXEC)
    exit_stack.callback(os.close, descriptor)
    for _ in range(TRIES):
        if try_lock(descriptor):
            alone = "This process is in a namespace of its own, and its lock is not visible outside"
            return "" if lock.is_whole else alone
        holders = lock_holders(lock.inode)
        if any(holder.is_run for holder in holders):
            break
        time.sleep(PAUSE_S)
    runs = [holder for holder in holders if holder.is_run]
    if runs or not holders:
        raise MachineError(_refusal(*runs[:1]))
    return f"The lock of this machine is held by {holders[0]}, which is no run of barehop"


def _take_file(path: Path, exit_stack: ExitStack) -> None:
    descriptor = exit_stack.enter_context(open_private_file(path, os.O_RDWR | os.O_CREAT))
    if not try_lock(descriptor):
        raise MachineError(_refusal(next(iter(lock_holders(os.fstat(descriptor).st_ino)), None)))


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process that holds a lock. `is_run`: its command line is that of a barehop program that measures."""

    pid: int
    name: str
    user: str
    since_utc: str
    is_run: bool

    def __str__(self) -> str:
        """Return process, name, user and start time for messages."""
        return f"process {self.pid} ({self.name}, user {self.user}, since {self.since_utc})"


def _refusal(holder: LockHolder | None = None) -> str:
    holder_text = "Its process is not visible from here: it is in another container or process namespace"
    advice = ""
    if holder:
        holder_text, advice = f"It is {holder}", f", or end it: kill {holder.pid}"
    return (
        f"Another run of barehop is measuring on this machine. {holder_text}. Wait until it has ended{advice}. Where "
        f"timing does not matter, {LOCK_VARIABLE}=FILE uses another lock, and the results carry a doubt."
    )


def lock_holders(inode: int) -> list[LockHolder]:
    """Return the processes visible here with a flock on `inode`."""
    return list(filter(None, map(_holder, pids_with_lock(inode))))


def pids_with_lock(inode: int, roots: Roots = HOST_ROOTS) -> list[int]:
    """Return the pids with a flock on `inode`. A line is `1: FLOCK  ADVISORY  WRITE 123 00:04:4026531834 0 EOF`."""
    rows = [line.split() for line in (read_text(roots.proc / "locks") or "").splitlines()]
    flocks = [row for row in rows if len(row) >= 6 and row[1] == "FLOCK"]
    return [int(row[4]) for row in flocks if row[5].rpartition(":")[2] == str(inode)]


def holds_lock(inode: int | None, roots: Roots = HOST_ROOTS) -> bool | None:
    """Return whether this process has a flock on `inode` (None: no file); None where /proc/locks cannot be read."""
    if read_text(roots.proc / "locks") is None:
        return None
    return inode is not None and int((roots.proc / "self").readlink().name) in pids_with_lock(inode, roots)


def is_measuring_command(words: Sequence[str]) -> bool:
    """Return whether a command line is that of a barehop program that measures."""
    return any(
        word in MEASURING_MODULES
        or Path(word).name == COMMAND_NAME
        or word.endswith("harness/__main__.py")
        or "from harness" in word
        for word in words
    )


def _holder(pid: int) -> LockHolder | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            since = datetime.fromtimestamp(process.create_time(), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            return LockHolder(pid, process.name(), process.username(), since, is_measuring_command(process.cmdline()))
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return LockHolder(pid, "unknown", "unknown", "an unknown time", is_run=False)
