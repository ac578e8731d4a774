"""TCP ports on loopback that are free and that no outgoing connection can take."""

import errno
import random
import socket
from collections.abc import Iterator
from pathlib import Path

from harness.errors import MachineError
from harness.lab.surroundings import lo_problem

FIRST_PORT, LAST_PORT = 10_000, 65_535


def free_ports(proc: Path = Path("/proc")) -> Iterator[int]:
    """Yield different free ports outside the kernel's ephemeral range. Raises MachineError when none is left."""
    yield from filter(_is_free_port, _candidate_ports(proc))
    raise MachineError("No further TCP port is free on 127.0.0.1. End some servers.")


def _is_free_port(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL and (problem := lo_problem()):
                raise MachineError(problem) from None
            return False
        return True


def _candidate_ports(proc: Path) -> list[int]:
    low, high = map(int, (proc / "sys/net/ipv4/ip_local_port_range").read_text().split())
    outside = [port for port in range(FIRST_PORT, LAST_PORT + 1) if not low <= port <= high]
    ports = outside or list(range(low, high + 1))
    random.shuffle(ports)
    return ports
