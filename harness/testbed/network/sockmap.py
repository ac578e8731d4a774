"""The sockmap of a stack as a context, and why this machine may not have one."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from harness.errors import MachineError, StackError
from harness.testbed.machine.cgroups import socket_group_parent
from harness.testbed.machine.directories import private_name
from harness.testbed.standalone.sockmap import Sockmap

PROBE_PORT = 1
MAX_MISSED, MAX_MISSED_SHARE = 10, 0.01  # messages whose receiver has gone, or is barehop, which asks the app directly


@contextmanager
def open_sockmap(ports: Sequence[int], groups: Sequence[Path]) -> Iterator[Sockmap]:
    """Hold a map of the sockets of new connections to `ports` between processes in `groups`. Raises MachineError."""
    try:
        sockmap = Sockmap(ports)
    except OSError as error:
        raise MachineError(f"The kernel makes no sockmap: {error.strerror}.") from None
    with closing(sockmap):
        try:
            for group in groups:
                sockmap.attach(str(group))
        except OSError as error:
            raise MachineError(f"The kernel attaches no program to a control group: {error.strerror}.") from None
        yield sockmap


@cache
def sockmap_problem() -> str:
    """Make a map and attach its programs to a temporary control group; return why that fails, or ""."""
    parent = socket_group_parent()
    if parent is None:
        return "no control groups of version 2 are mounted"
    group = parent / private_name()
    try:
        group.mkdir(0o700)
    except OSError as error:
        return f"{parent}: {error.strerror}"
    try:
        with open_sockmap([PROBE_PORT], [group]):
            return ""
    except MachineError as error:
        return str(error).rstrip(".")
    finally:
        group.rmdir()


def check_redirection(sockmap: Sockmap) -> None:
    """Raise StackError if connections or messages of the hop bypassed the map."""
    counts = sockmap.counts()
    if counts["refused"] or counts["missed"] > max(MAX_MISSED, MAX_MISSED_SHARE * counts["redirected"]):
        raise StackError(
            f"The sockmap passed {counts['redirected']} messages from socket to socket and {counts['missed']} over "
            f"TCP, and took {counts['refused']} sockets too few. Open fewer connections, or leave the transport out."
        )
