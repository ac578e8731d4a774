"""Which sockets listen on an address, from /proc: proof that nobody else can have answered."""

import ipaddress
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from harness.errors import MachineError

TCP_LISTEN = "0A"
UNIX_ACCEPTS = 0x10000  # __SO_ACCEPTCON


def listening_inodes(address: str, proc: Path = Path("/proc")) -> set[str]:
    """The inodes of the sockets that listen on "127.0.0.1:8000" or on the path of a Unix socket."""
    return _unix_inodes(address, proc) if address.startswith("/") else _tcp_inodes(address, proc)


def socket_inodes(pids: Iterable[int], proc: Path = Path("/proc")) -> set[str]:
    """The inodes of all sockets that any of `pids` holds; one that has ended holds none. Raises MachineError."""
    links = (link for pid in pids for link in _descriptors(proc / str(pid) / "fd"))
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _tcp_inodes(address: str, proc: Path) -> set[str]:
    host, _, port = address.rpartition(":")
    packed = ipaddress.IPv4Address(host).packed
    local = f"{int.from_bytes(packed, sys.byteorder):08X}:{int(port):04X}"
    rows = (line.split() for line in _lines(proc / "self/net/tcp"))
    return {row[9] for row in rows if row[1] == local and row[3] == TCP_LISTEN}


def _unix_inodes(path: str, proc: Path) -> set[str]:
    rows = (line.split(maxsplit=7) for line in _lines(proc / "self/net/unix"))
    return {row[6] for row in rows if len(row) == 8 and row[7] == path and int(row[3], 16) & UNIX_ACCEPTS}


def _lines(path: Path) -> list[str]:
    """What follows the heading. Names of Unix sockets may hold any byte, also what Unicode calls the end of a line."""
    return path.read_text(errors="surrogateescape").split("\n")[1:-1]


def _descriptors(directory: Path) -> Iterator[str]:
    """What each descriptor of a process is; they, and it, may end meanwhile."""
    try:
        entries = list(directory.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return
    except PermissionError:
        raise MachineError(
            f"{directory} cannot be read, so nobody can say who listens. Does this nginx or Python have file "
            "capabilities? Use a copy without them."
        ) from None
    for entry in entries:
        with suppress(FileNotFoundError, ProcessLookupError):
            yield str(entry.readlink())
