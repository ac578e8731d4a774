"""One run at a time on a machine: two would measure each other.

The lock of the machine is a flock on a file of the kernel's own, that of the time namespace: processes share it across
network, user, mount and process namespaces, and containers have no other one. Taking it writes nothing, and the kernel
releases it with the process, however that ends. A second lock, in the state directory, keeps the runs of one user apart
where a process that is no run of barehop sits on the first.
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
# Files of namespaces that all processes share unless they asked for another, best first, with the inode that the
# initial namespace has (include/linux/proc_ns.h): who is in it holds the lock of the whole machine.
SHARED_FILES = {"time": 0xEFFFFFFA, "cgroup": 0xEFFFFFFB}
TRIES, PAUSE_S = 3, 0.1  # a holder may end while we look for it


@dataclass(frozen=True, slots=True)
class MachineLock:
    """A file of the kernel. `is_whole`: every process of the machine that asks for the lock meets this file."""

    path: Path
    inode: int
    is_whole: bool


@contextmanager
def hold_machine(say: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Hold this machine, and `say` what the lock leaves open, if anything. MachineError where another run has it."""
    with only_run(environment) as open_point:
        if open_point:
            say(open_point)
        yield


@contextmanager
def only_run(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Hold this machine; yield a sentence on what the lock leaves open, or "". MachineError where another run has it.

    BAREHOP_LOCK names the file of another lock, which keeps apart only those runs that name it.
    """
    with ExitStack() as until_the_end:
        if other := environment.get(OTHER_LOCK):
            _take_other(Path(other), until_the_end)
            yield ""
            return
        lock = machine_lock()
        open_point = _take_machine(lock, until_the_end) if lock else "This kernel shows no file to lock"
        own = _take_own(state_directory(environment), until_the_end)
        if open_point and not own:
            open_point += ", and the state directory cannot be used either"
        yield f"{open_point}: another run of barehop may be measuring at the same time." if open_point else ""


def machine_lock(roots: Roots = HERE) -> MachineLock | None:
    """None where this kernel, or this /proc, has none of the files."""
    for name, initial in SHARED_FILES.items():
        path = roots.proc / "self/ns" / name
        if path.exists():
            inode = path.stat().st_ino
            return MachineLock(path, inode, is_whole=inode == initial)
    return None


def _take_machine(lock: MachineLock, until_the_end: ExitStack) -> str:
    """What this lock leaves open, or "". MachineError where a run holds it, or a process that cannot be seen."""
    descriptor = os.open(lock.path, os.O_RDONLY | os.O_CLOEXEC)
    until_the_end.callback(os.close, descriptor)
    for _ in range(TRIES):
        if _has_locked(descriptor):
            return "" if lock.is_whole else "This process is in a namespace of its own, whose lock others do not see"
        holders = holders_of(lock.inode)
        if any(holder.is_run for holder in holders):
            break
        time.sleep(PAUSE_S)
    runs = [holder for holder in holders if holder.is_run]
    if runs or not holders:
        raise MachineError(_refusal(*runs[:1]))
    return f"The lock of this machine is held by {holders[0]}, which is no run of barehop"


def _take_own(directory: Path, until_the_end: ExitStack) -> bool:
    """Whether the lock in the state directory could be had. MachineError where another run holds it."""
    try:
        _take_file(private_directory(directory) / RUN_LOCK, until_the_end)
    except (OSError, UnsafeError):
        return False
    return True


def _take_other(path: Path, until_the_end: ExitStack) -> None:
    try:
        _take_file(path, until_the_end)
    except OSError as error:
        raise MachineError(
            f"{OTHER_LOCK} = {path}: this file cannot be opened: {error.strerror}. Name another, or unset {OTHER_LOCK}."
        ) from None


def _take_file(path: Path, until_the_end: ExitStack) -> None:
    descriptor = until_the_end.enter_context(private_file(path, os.O_RDWR | os.O_CREAT))
    if not _has_locked(descriptor):
        raise MachineError(_refusal(next(iter(holders_of(os.fstat(descriptor).st_ino)), None)))


def _has_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refusal(holder: Holder | None = None) -> str:
    if holder:
        who, end = f"It is {holder}", f", or end it: kill {holder.pid}"
    else:
        who, end = "Its process cannot be seen from here: it is in another container or process namespace", ""
    return (
        f"Another run of barehop is measuring on this machine. {who}. Wait until it has ended{end}. Where no time "
        f"matters, {OTHER_LOCK}=FILE names another lock, and the results carry a doubt."
    )
