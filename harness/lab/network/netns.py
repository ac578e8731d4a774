"""Network namespaces without a name: held by a descriptor of this process, gone with it however it ends."""

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
    """A network that this thread can enter, held by `descriptor`; without `enter`, the one that it is in."""

    enter: Callable[[], None] | None = None
    leave: Callable[[], None] | None = None
    descriptor: int = -1

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets made inside, and children started inside, belong to this network; afterwards where we were."""
        if self.enter is None or self.leave is None:
            yield
            return
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def inside(self, function: Callable[P, R]) -> Callable[P, R]:
        """The same function, called in this network."""
        if self.enter is None:
            return function

        def entering(*arguments: P.args, **named: P.kwargs) -> R:
            with self.entered():
                return function(*arguments, **named)

        return entering


HOST = Network()


@contextmanager
def own_network() -> Iterator[Network]:
    """A new network namespace, with lo down and the kernel's default values. Raises MachineError.

    Processes and sockets in it keep it too, so that it goes with the last of them; nothing ever has to be removed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open(OF_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)
    try:
        leave = partial(_set, libc, outside)
        inside = _made(libc, leave)
        try:
            yield Network(enter=partial(_set, libc, inside), leave=leave, descriptor=inside)
        finally:
            os.close(inside)
    finally:
        os.close(outside)


def _made(libc: ctypes.CDLL, leave: Callable[[], None]) -> int:
    """A descriptor of a new namespace; only this thread is in it for a moment."""
    if libc.unshare(CLONE_NEWNET):
        raise MachineError(
            f"The kernel gives no network namespace of its own to this user: {_why()}. Run barehop as root, or allow "
            "user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)."
        )
    try:
        return os.open(OF_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        leave()


def _set(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET):
        raise MachineError(f"The kernel does not let this process enter a network namespace: {_why()}.")


def _why() -> str:
    return os.strerror(ctypes.get_errno())
