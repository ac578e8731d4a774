"""Network namespaces without a name: held by a descriptor of this process and gone with it."""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from harness.errors import MachineError

CLONE_NEWNET = 0x40000000
OF_THIS_THREAD = "/proc/thread-self/ns/net"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Network:
    """A network that this thread can enter, held by `descriptor`; without `enter`, the present one."""

    enter: Callable[[], None] | None = None
    leave: Callable[[], None] | None = None
    descriptor: int = -1

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Enter this network: sockets and processes made inside belong to it."""
        if self.enter is None or self.leave is None:
            yield
            return
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def inside(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function`, called in this network."""
        if self.enter is None:
            return function

        def call_inside(*arguments: P.args, **named: P.kwargs) -> R:
            with self.entered():
                return function(*arguments, **named)

        return call_inside


HOST = Network()


@contextmanager
def own_network() -> Iterator[Network]:
    """Create a network namespace with lo down and the kernel's default values. Raises MachineError.

    Processes and sockets in it keep it alive; it is gone with the last of them, so it needs no removal.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open(OF_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)
    try:
        leave = partial(_enter, libc, outside)
        inside = _create(libc, leave)
        try:
            yield Network(enter=partial(_enter, libc, inside), leave=leave, descriptor=inside)
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
        return os.open(OF_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        leave()


def _enter(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET):
        raise MachineError(f"The kernel does not let this process enter a network namespace: {_errno_text()}.")


def _errno_text() -> str:
    return os.strerror(ctypes.get_errno())
