"""Network namespaces: enter them, and see /sys as they do."""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from harness.errors import MachineError

CLONE_NEWNET = 0x40000000
THREAD_NETWORK = "/proc/thread-self/ns/net"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """A network that this thread can enter, held by `descriptor`; without `enter`, the present one."""

    enter_namespace: Callable[[], None] | None = None
    leave_namespace: Callable[[], None] | None = None
    descriptor: int = -1

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Enter this network: sockets and processes made inside belong to it."""
        if self.enter_namespace is None or self.leave_namespace is None:
            yield
            return
        self.enter_namespace()
        try:
            yield
        finally:
            self.leave_namespace()

    def wrap(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function`, called in this network."""
        if self.enter_namespace is None:
            return function

        def call_inside(*arguments: P.args, **named: P.kwargs) -> R:
            with self.enter():
                return function(*arguments, **named)

        return call_inside


HOST_NETWORK = NetworkNamespace()

# asm-generic/unistd.h, the same on all architectures, since Linux 5.2; fsconfig's command is from linux/mount.h.
FSOPEN, FSCONFIG, FSMOUNT = 430, 431, 432
FSCONFIG_CMD_CREATE = 6
OPEN_CLOEXEC = 1
NET_DEVICES = "/sys/class/net/"


@contextmanager
def create_network() -> Iterator[NetworkNamespace]:
    """Create a network namespace with lo down and the kernel's default values. Raises MachineError.

    Processes and sockets in it keep it alive; it is gone with the last of them, so it needs no removal.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open(THREAD_NETWORK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        leave = partial(_enter, libc, outside)
        inside = _create(libc, leave)
        try:
            yield NetworkNamespace(
                enter_namespace=partial(_enter, libc, inside), leave_namespace=leave, descriptor=inside
            )
        finally:
            os.close(inside)
    finally:
        os.close(outside)


def _create(libc: ctypes.CDLL, leave: Callable[[], None]) -> int:
    """Return a descriptor of a new namespace; this thread is in it for a moment only."""
    if libc.unshare(CLONE_NEWNET):
        raise MachineError(
            f"The kernel gives no network namespace of its own to this user: {_errno_text()}. Run barehop as root, or "
            "allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)."
        )
    try:
        return os.open(THREAD_NETWORK, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        leave()


def _enter(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET):
        raise MachineError(f"The kernel does not let this process enter a network namespace: {_errno_text()}.")


def _errno_text() -> str:
    return os.strerror(ctypes.get_errno())


@contextmanager
def own_sysfs_path(path: str) -> Iterator[Path]:
    """Yield `path` as this thread's network has it, through a private mount. Raises OSError."""
    if not path.startswith(NET_DEVICES):
        yield Path(path)
        return
    context = _call(FSOPEN, ctypes.c_char_p(b"sysfs"), OPEN_CLOEXEC)
    try:
        _call(FSCONFIG, context, FSCONFIG_CMD_CREATE, None, None, 0)
        mounted = _call(FSMOUNT, context, OPEN_CLOEXEC, 0)
    finally:
        os.close(context)
    try:
        yield Path(f"/proc/self/fd/{mounted}") / path.removeprefix("/sys/")
    finally:
        os.close(mounted)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    converted = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *converted))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
