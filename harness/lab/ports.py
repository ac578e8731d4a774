"""TCP ports on the loopback interface that nobody uses and no outgoing connection can take."""

import errno
import random
import socket
from collections.abc import Iterator
from pathlib import Path

from harness.errors import MachineError
from harness.lab.surroundings import lo_problem

FIRST, LAST = 10_000, 65_535


def free_ports(proc: Path = Path("/proc")) -> Iterator[int]:
    """Different free ports outside of the kernel's ephemeral range, without end or with a MachineError."""
    yield from filter(_is_free, _candidates(proc))
    raise MachineError("No further TCP port is free on 127.0.0.1. End some servers.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL and (problem := lo_problem()):
                raise MachineError(problem) from None
            return False
        return True


def _candidates(proc: Path) -> list[int]:
    low, high = map(int, (proc / "sys/net/ipv4/ip_local_port_range").read_text().split())
    outside = [port for port in range(FIRST, LAST + 1) if not low <= port <= high]
    ports = outside or list(range(low, high + 1))
    random.shuffle(ports)
    return ports
