"""What /proc shows of processes: the sockets that they listen on, the CPUs of their threads, their confinement."""

import ipaddress
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from harness.errors import MachineError
from harness.testbed.machine.placement import Placement
from harness.testbed.machine.procfs import format_cpus, parse_cpus, read_text
from harness.testbed.standalone.enter import ADDR_NO_RANDOMIZE

PROC = Path("/proc")

TCP_LISTEN = "0A"
UNIX_LISTEN_FLAG = 0x10000  # __SO_ACCEPTCON
STATUS_LINES = ("NoNewPrivs", "Seccomp", "Speculation_Store_Bypass")


def listening_inodes(address: str, proc: Path = PROC) -> set[str]:
    """Return the inodes of the sockets that listen on "127.0.0.1:8000", "[::1]:8000" or the path of a Unix socket."""
    return _unix_inodes(address, proc) if address.startswith("/") else _tcp_inodes(address, proc)


def socket_inodes(pids: Iterable[int], proc: Path = PROC) -> set[str]:
    """Return the inodes of all sockets that `pids` hold; an ended process holds none. Raise MachineError."""
    links = (link for pid in pids for link in _open_files(proc / str(pid) / "fd"))
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _tcp_inodes(address: str, proc: Path) -> set[str]:
    host, _, port = address.rpartition(":")
    ip = ipaddress.ip_address(host.strip("[]"))
    words = (int.from_bytes(ip.packed[begin : begin + 4], sys.byteorder) for begin in range(0, len(ip.packed), 4))
    local = f"{''.join(f'{word:08X}' for word in words)}:{int(port):04X}"
    with (proc / ("self/net/tcp" if ip.version == 4 else "self/net/tcp6")).open() as table:
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


def stray_threads(pids_by_role: Mapping[str, Collection[int]], placement: Placement, proc: Path = PROC) -> list[str]:
    """Return a sentence for each thread whose allowed CPUs are not all CPUs of its role; ended ones are skipped."""
    tasks = (
        (role, task)
        for role, pids in pids_by_role.items()
        for pid in pids
        for task in sorted((proc / str(pid)).glob("task/[0-9]*"))
    )
    threads = ((role, task.name, _status_lines(task)) for role, task in tasks)
    return [
        f"Thread {number} ({status['Name']}) of {role} may run on CPUs {status['Cpus_allowed_list']}, but the "
        f"placement pins {role} to {format_cpus(placement.cpus[role])}."
        for role, number, status in threads
        if not set(parse_cpus(status.get("Cpus_allowed_list", ""))) <= set(placement.cpus[role])
    ]


def _status_lines(process: Path) -> dict[str, str]:
    lines = (read_text(process / "status") or "").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def read_addresses(pids: Iterable[int], proc: Path = PROC) -> str:
    """Return whether the addresses of `pids` are fixed or random (man 5 proc: personality); what is known counts."""
    texts = (read_text(proc / str(pid) / "personality") for pid in pids)
    kinds = {"fixed" if int(text, 16) & ADDR_NO_RANDOMIZE else "random" for text in texts if text}
    return " and ".join(sorted(kinds)) or "unknown"


@dataclass(frozen=True, slots=True)
class Confinement:
    """The namespaces, control groups, status lines and type of root file system of a process."""

    namespaces: dict[str, str]
    cgroups: list[str]
    status: dict[str, str]
    root: str


def read_confinement(pid: int | str, proc: Path = PROC) -> Confinement:
    """Read how a process is confined."""
    process = proc / str(pid)
    status = _status_lines(process)
    root = re.search(r"^\S+ \S+ \S+ \S+ / .* - (\S+)", read_text(process / "mountinfo") or "", re.MULTILINE)
    namespaces = (path for path in sorted((process / "ns").iterdir()) if "_" not in path.name)
    return Confinement(
        namespaces={path.name: str(path.readlink()) for path in namespaces},
        cgroups=(read_text(process / "cgroup") or "").splitlines(),
        status={name: status[name] for name in STATUS_LINES if name in status},
        root=root[1] if root else "unknown",
    )
