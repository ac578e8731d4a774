"""Which sockets listen on which address, and which process holds them, as /proc shows it."""

import ipaddress
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, takewhile
from pathlib import Path

from harness.errors import MachineError
from harness.testbed.machine.procfs import read_text

PROC = Path("/proc")
TCP_LISTEN = "0A"
UNIX_LISTEN_FLAG = 0x10000  # __SO_ACCEPTCON
WORD_DIGITS = 8  # of the kernel's hexadecimal addresses, each word in the machine's byte order


def listening_inodes(address: str, proc: Path = PROC) -> set[str]:
    """Return the inodes of the sockets that listen on "127.0.0.1:8000", "[::1]:8000" or the path of a Unix socket."""
    rows = _unix_rows(proc) if address.startswith("/") else _tcp_rows(proc, "tcp6" if "]" in address else "tcp")
    return {inode for inode, listened in rows if listened == address}


def listening_addresses(proc: Path = PROC) -> Mapping[str, str]:
    """Return the address of each listening socket of this network by inode, in the form of `listening_inodes`."""
    tables = [table for table in ("tcp", "tcp6") if (proc / "self/net" / table).exists()]
    return dict(chain(*(_tcp_rows(proc, table) for table in tables), _unix_rows(proc)))


def socket_inodes(pids: Iterable[int], proc: Path = PROC) -> set[str]:
    """Return the inodes of all sockets that `pids` hold; an ended process holds none. Raise MachineError."""
    links = (link for pid in pids for link in _open_files(proc / str(pid) / "fd"))
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def holders_of(inodes: Collection[str], proc: Path = PROC) -> str:
    """Return the processes that hold one of these sockets, like "process 7 (nginx)"; "" where none may be examined."""
    links = {f"socket:[{inode}]" for inode in inodes}
    names = []
    for process in proc.glob("[0-9]*"):
        with suppress(MachineError, PermissionError):
            if not links.isdisjoint(_open_files(process / "fd")):
                names.append(f"process {process.name} ({(read_text(process / 'comm') or '').strip()})")
    return " and ".join(names)


def _tcp_rows(proc: Path, table: str) -> Iterator[tuple[str, str]]:
    """Yield the inode and the address of each listening TCP socket."""
    with (proc / "self/net" / table).open() as lines:
        next(lines)
        # Listening sockets come first (tcp_get_idx in net/ipv4/tcp_ipv4.c); many thousands in TIME_WAIT may follow.
        for row in takewhile(lambda row: row[3] == TCP_LISTEN, map(str.split, lines)):
            yield row[9], _tcp_address(row[1])


def _tcp_address(local: str) -> str:
    """Return an address like 127.0.0.1:8080 for the kernel's 0100007F:1F90."""
    digits, _, port = local.partition(":")
    words = (int(digits[begin : begin + WORD_DIGITS], 16) for begin in range(0, len(digits), WORD_DIGITS))
    ip = ipaddress.ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    return f"{ip if ip.version == 4 else f'[{ip}]'}:{int(port, 16)}"


def _unix_rows(proc: Path) -> Iterator[tuple[str, str]]:
    """Yield the inode and the path of each listening Unix socket that has a path."""
    # Not splitlines: a name may hold any byte, also line separators of Unicode.
    lines = (proc / "self/net/unix").read_text(errors="surrogateescape").split("\n")[1:]
    for row in (line.split(maxsplit=7) for line in lines):
        if len(row) == 8 and int(row[3], 16) & UNIX_LISTEN_FLAG:
            yield row[6], row[7]


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
            f"{directory} cannot be read, so the listening sockets are unknown. If this server has file capabilities, "
            "use a copy without them."
        ) from None
    for entry in entries:
        with suppress(FileNotFoundError, ProcessLookupError):
            yield str(entry.readlink())


def _is_zombie(process: Path) -> bool:
    """Return whether a process has ended without being waited for; only root may read its descriptors."""
    return (read_text(process / "stat") or "").rpartition(") ")[2].startswith("Z")
