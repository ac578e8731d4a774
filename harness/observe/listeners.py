"""Finds the sockets that listen on an address, from /proc: proof that no other process can have answered."""

import ipaddress
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from harness.errors import MachineError
from harness.testbed.machine.procfs import read_text

TCP_LISTEN = "0A"
UNIX_LISTEN_FLAG = 0x10000  # __SO_ACCEPTCON


def listening_inodes(address: str, proc: Path = Path("/proc")) -> set[str]:
    """Return the inodes of the sockets that listen on "127.0.0.1:8000" or on the path of a Unix socket."""
    return _unix_inodes(address, proc) if address.startswith("/") else _tcp_inodes(address, proc)


def socket_inodes(pids: Iterable[int], proc: Path = Path("/proc")) -> set[str]:
    """Return the inodes of all sockets that `pids` hold; an ended process holds none. Raise MachineError."""
    links = (link for pid in pids for link in _open_files(proc / str(pid) / "fd"))
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _tcp_inodes(address: str, proc: Path) -> set[str]:
    host, _, port = address.rpartition(":")
    packed = ipaddress.IPv4Address(host).packed
    local = f"{int.from_bytes(packed, sys.byteorder):08X}:{int(port):04X}"
    with (proc / "self/net/tcp").open() as table:
        next(table)
        # Listening sockets come first (tcp_get_idx in net/ipv4/tcp_ipv4.c); many thousands in TIME_WAIT may follow.
        listening = takewhile(lambda row: row[3] == TCP_LISTEN, map(str.split, table))
        return {row[9] for row in listening if row[1] == local}


def _unix_inodes(path: str, proc: Path) -> set[str]:
    # Not splitlines: a name may hold any byte, also line separators of Unicode.
    lines = (proc / "self/net/unix").read_text(errors="surrogateescape").split("\n")[1:]
    rows = (line.split(maxsplit=7) for line in lines)
    return {row[6] for row in rows if len(row) == 8 and row[7] == path and int(row[3], 16) & UNIX_LISTEN_FLAG}


def _open_files(directory: Path) -> Iterator[str]:
    """Yield the target of each file descriptor of a process; descriptors, and the process, may end meanwhile."""
    try:
        entries = list(directory.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return
    except PermissionError:
        if _is_zombie(directory.parent):
            return
        raise MachineError(
            f"{directory} cannot be read, so the listening sockets are unknown. If this nginx or Python has file "
            "capabilities, use a copy without them."
        ) from None
    for entry in entries:
        with suppress(FileNotFoundError, ProcessLookupError):
            yield str(entry.readlink())


def _is_zombie(process: Path) -> bool:
    """Return whether a process has ended without being waited for; only root may read its descriptors."""
    return (read_text(process / "stat") or "").rpartition(") ")[2].startswith("Z")
