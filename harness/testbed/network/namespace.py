"""Network namespaces: create and enter them, their loopback interface, and their view of /sys."""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from harness.errors import MachineError
from harness.model.plugins import LoAttribute, LoRoute

CLONE_NEWNET = 0x40000000
THREAD_NETWORK = "/proc/thread-self/ns/net"
LIBC = ctypes.CDLL(None, use_errno=True)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """A network that this thread can enter: an open `descriptor` of it, and one of the network `outside` to return to.

    Both are -1 for the network that the thread is in.
    """

    descriptor: int = -1
    outside: int = -1

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Enter this network: sockets and processes made inside belong to it."""
        if self.descriptor < 0:
            yield
            return
        _enter(self.descriptor)
        try:
            yield
        finally:
            _enter(self.outside)

    def wrap(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function`, called in this network."""
        if self.descriptor < 0:
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
LO_INDEX = 1  # LOOPBACK_IFINDEX, the same in every network namespace
LOCAL_TABLE = 255
IPV4 = 2
METRICS = {"quickack": "quickack", "congctl": "cc_algo"}  # pyroute2's names


@contextmanager
def create_network() -> Iterator[NetworkNamespace]:
    """Create a network namespace with lo down and the kernel's default values. Raises MachineError.

    Processes and sockets in it keep it alive; it is gone with the last of them, so it needs no removal.
    """
    outside = os.open(THREAD_NETWORK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.unshare(CLONE_NEWNET):
            raise MachineError(
                f"The kernel gives no network namespace of its own to this user: {_errno_text()}. Run barehop as root, "
                "or allow user namespaces (sysctl user.max_user_namespaces, "
                "kernel.apparmor_restrict_unprivileged_userns)."
            )
        try:
            inside = os.open(THREAD_NETWORK, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _enter(outside)
        try:
            yield NetworkNamespace(inside, outside)
        finally:
            os.close(inside)
    finally:
        os.close(outside)


def _enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, CLONE_NEWNET):
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
    converted = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = int(LIBC.syscall(ctypes.c_long(number), *converted))
    if result < 0:
        raise OSError(ctypes.get_errno(), _errno_text())
    return result


@contextmanager
def open_netlink(kind: Callable[..., AbstractContextManager[Any]], **options: int) -> Iterator[Any]:
    """Open a netlink socket of pyroute2, whose errors become OSError."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with kind(**options) as netlink:
            yield netlink
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from None


def open_routing() -> AbstractContextManager[Any]:
    """Open pyroute2's IPRoute: links, addresses, routes."""
    from pyroute2 import IPRoute  # takes 100 ms, and few experiments need it

    return open_netlink(IPRoute)


def bring_up_loopback() -> None:
    """Set lo up."""
    with open_routing() as ip:
        ip.link("set", index=LO_INDEX, state="up")


def set_loopback_attribute(change: LoAttribute) -> None:
    """Set an attribute of lo."""
    with open_routing() as ip:
        ip.link("set", index=LO_INDEX, **{change.name: change.value})


def loopback_attribute(name: str) -> str:
    """Return an attribute of lo."""
    with open_routing() as ip:
        return str(ip.get_links(LO_INDEX)[0].get_attr(f"IFLA_{name.upper()}"))


def set_loopback_route(change: LoRoute) -> None:
    """Set an option of the routes to 127.0.0.0/8 and to 127.0.0.1, which the kernel prefers."""
    with open_routing() as ip:
        for route in _loopback_routes(ip):
            metrics = _route_metrics(route) | {METRICS[change.name]: change.value}
            ip.route("replace", **_present_route(route), metrics=metrics)


def loopback_route_option(name: str) -> str:
    """Return the option of connections to 127.0.0.1; "0" where the route has none."""
    with open_routing() as ip:
        narrowest = max(_loopback_routes(ip), key=lambda route: int(route["dst_len"]))
        return str(_route_metrics(narrowest).get(METRICS[name], 0))


def _loopback_routes(ip: Any) -> list[Any]:
    routes = ip.get_routes(family=IPV4, table=LOCAL_TABLE)
    return [route for route in routes if route.get_attr("RTA_DST") in ("127.0.0.0", "127.0.0.1")]


def _route_metrics(route: Any) -> dict[str, Any]:
    metrics = route.get_attr("RTA_METRICS")
    return {name.removeprefix("RTAX_").lower(): value for name, value in metrics["attrs"]} if metrics else {}


def _present_route(route: Any) -> dict[str, Any]:
    return {
        "dst": f"{route.get_attr('RTA_DST')}/{route['dst_len']}",
        "prefsrc": route.get_attr("RTA_PREFSRC"),
        "oif": LO_INDEX,
        "table": LOCAL_TABLE,
        "type": route["type"],
        "scope": route["scope"],
        "proto": route["proto"],
    }
