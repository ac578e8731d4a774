"""Keeps runs apart: two runs at the same time on one machine would disturb each other.

The lock of the machine is a flock on a kernel file, that of the time namespace: processes share it across network,
user, mount and process namespaces, and so do containers. Locking it writes nothing, and the kernel releases it when
the process ends. A second lock, in the state directory, keeps the runs of one user apart where a process that is no run
of barehop holds the first.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import MachineError
from harness.lab.kernel.journal import state_directory
from harness.lab.kernelfiles import HERE, Roots
from harness.lab.lock_holders import Holder, holders_of
from harness.lab.private_files import UnsafeError, private_directory, private_file

OTHER_LOCK = "BAREHOP_LOCK"
RUN_LOCK = "run.lock"
# Namespace files that nearly all processes share, best first, with the inode of the initial namespace
# (include/linux/proc_ns.h): in it, the lock holds for the whole machine.
SHARED_FILES = {"time": 0xEFFFFFFA, "cgroup": 0xEFFFFFFB}
TRIES, PAUSE_S = 3, 0.1  # a holder may end during the search


@dataclass(frozen=True, slots=True)
class MachineLock:
    """A kernel file to lock. `is_whole`: every process of the machine that takes the lock uses this file."""

    path: Path
    inode: int
    is_whole: bool


@contextmanager
def hold_machine(say: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Hold this machine; `say` what the lock does not cover, if anything. Raises MachineError where it is held."""
    with only_run(environment) as open_point:
        if open_point:
            say(open_point)
        yield


@contextmanager
def only_run(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Hold this machine; yield a sentence on what the lock does not cover, or "". Raises MachineError where it is held.

    BAREHOP_LOCK names another lock file, which keeps apart only the runs that name it.
    """
    with ExitStack() as exit_stack:
        if other := environment.get(OTHER_LOCK):
            _take_other(Path(other), exit_stack)
            yield ""
            return
        lock = machine_lock()
        open_point = _take_machine(lock, exit_stack) if lock else "This kernel shows no file to lock"
        own = _take_own(state_directory(environment), exit_stack)
        if open_point and not own:
            open_point += ", and the state directory cannot be used either"
        yield f"{open_point}: another run of barehop may be measuring at the same time." if open_point else ""


def machine_lock(roots: Roots = HERE) -> MachineLock | None:
    """Return the lock of this machine; None where the kernel, or this /proc, has no such file."""
    for name, initial in SHARED_FILES.items():
        path = roots.proc / "self/ns" / name
        if path.exists():
            inode = path.stat().st_ino
            return MachineLock(path, inode, is_whole=inode == initial)
    return None


def _take_machine(lock: MachineLock, exit_stack: ExitStack) -> str:
    """Return what this lock does not cover, or "". Raises MachineError where a run or an invisible process holds it."""
    descriptor = os.open(lock.path, os.O_RDONLY | os.O_CLOEXEC)
    exit_stack.callback(os.close, descriptor)
    for _ in range(TRIES):
        if _try_lock(descriptor):
            return (
                ""
                if lock.is_whole
                else "This process is in a namespace of its own, and its lock is not visible outside"
            )
        holders = holders_of(lock.inode)
        if any(holder.is_run for holder in holders):
            break
        time.sleep(PAUSE_S)
    runs = [holder for holder in holders if holder.is_run]
    if runs or not holders:
        raise MachineError(_refusal(*runs[:1]))
    return f"The lock of this machine is held by {holders[0]}, which is no run of barehop"


def _take_own(directory: Path, exit_stack: ExitStack) -> bool:
    """Return whether the lock in the state directory is usable. Raises MachineError where another run holds it."""
    try:
        _take_file(private_directory(directory) / RUN_LOCK, exit_stack)
    except (OSError, UnsafeError):
        return False
    return True


def _take_other(path: Path, exit_stack: ExitStack) -> None:
    try:
        _take_file(path, exit_stack)
    except OSError as error:
        raise MachineError(
            f"{OTHER_LOCK} = {path}: this file cannot be opened: {error.strerror}. Name another, or unset {OTHER_LOCK}."
        ) from None


def _take_file(path: Path, exit_stack: ExitStack) -> None:
    descriptor = exit_stack.enter_context(private_file(path, os.O_RDWR | os.O_CREAT))
    if not _try_lock(descriptor):
        raise MachineError(_refusal(next(iter(holders_of(os.fstat(descriptor).st_ino)), None)))


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refusal(holder: Holder | None = None) -> str:
    if holder:
        holder_text, advice = f"It is {holder}", f", or end it: kill {holder.pid}"
    else:
        holder_text, advice = (
            "Its process is not visible from here: it is in another container or process namespace",
            "",
        )
    return (
        f"Another run of barehop is measuring on this machine. {holder_text}. Wait until it has ended{advice}. Where "
        f"timing does not matter, {OTHER_LOCK}=FILE uses another lock, and the results carry a doubt."
    )
