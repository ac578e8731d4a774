"""What every stack needs of the machine: /proc, loopback, processes, open files, memory."""

import errno
import os
import resource
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.errors import MachineError
from harness.testbed.machine.cgroups import cgroup_levels, parse_statistics
from harness.testbed.machine.procfs import HOST_ROOTS, Roots, read_int, read_mounts, read_text

MOST_DESCRIPTORS = 65536
LOOPBACK_ADDRESS = "127.0.0.1"
MIB = 1 << 20


@contextmanager
def raise_file_limit() -> Iterator[None]:
    """Allow up to 65536 open files in the body, also for processes started there; restore the limit afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft if soft == resource.RLIM_INFINITY else max_open_files(), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def max_open_files() -> int:
    """Return the limit of open files inside `raise_file_limit`; raising it up to the hard limit needs no privilege."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    return max(soft, most)


@dataclass(frozen=True, slots=True)
class ResourceDemand:
    """The needs of a run: open files of its largest process, processes and threads, memory of all its servers."""

    connections: int
    files: int
    processes: int
    memory_bytes: int


def require_proc(roots: Roots = HOST_ROOTS) -> None:
    """Raise MachineError where /proc is not mounted."""
    if not (roots.proc / "self/stat").exists():
        raise MachineError("/proc is not mounted: mount -t proc proc /proc")


def loopback_problem() -> str | None:
    """Return why 127.0.0.1 is not usable in this network namespace, with the command that repairs it; else None."""
    loopback = psutil.net_if_stats().get("lo")
    if loopback is None:
        return "There is no interface lo. Create it, or leave this network namespace."
    if not loopback.isup:
        return "lo is down: ip link set lo up"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((LOOPBACK_ADDRESS, 0))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return f"lo has no address {LOOPBACK_ADDRESS}: ip address add {LOOPBACK_ADDRESS}/8 dev lo"
    return None


def resource_problems(demand: ResourceDemand, roots: Roots = HOST_ROOTS) -> Iterator[str]:
    """Yield which limits of this process and its control groups are too low for `demand`, with the numbers needed."""
    allowed = max_open_files()
    if demand.files > allowed:
        connections = f"{demand.connections} connection{'s' if demand.connections > 1 else ''}"
        yield (
            f"{connections} at once take {demand.files} open files in one process, and {allowed} are allowed here "
            f"(ulimit -n). Allow more: ulimit -n {demand.files}; where the shell refuses, root may raise the hard "
            "limit. Or ask for fewer connections."
        )
    yield from _user_problem(demand)
    mounts = read_mounts(roots.proc)
    yield from _pids_problems(demand.processes, cgroup_levels("pids", mounts, roots))
    yield from _memory_problems(demand.memory_bytes, cgroup_levels("memory", mounts, roots))


def _user_problem(demand: ResourceDemand) -> Iterator[str]:
    """Check the limit of processes and threads per user, which does not apply to root."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft == resource.RLIM_INFINITY or os.geteuid() == 0:
        return
    current = sum(_threads_of_user(os.getuid()))
    if soft - current < demand.processes:
        yield (
            f"A run starts about {demand.processes} processes and threads; this user has {current} of at most {soft} "
            f"(ulimit -u). Allow {current + demand.processes}, or end some."
        )


def _threads_of_user(user: int) -> Iterator[int]:
    for process in psutil.process_iter():
        try:
            if process.uids().real == user:
                yield process.num_threads()
        except psutil.Error:
            continue


def _pids_problems(needed: int, levels: Iterable[Path]) -> Iterator[str]:
    for level in levels:
        most, now = read_int(level / "pids.max"), read_int(level / "pids.current")
        if most is not None and now is not None and most - now < needed:
            yield (
                f"A run starts about {needed} processes and threads; the control group {level} has {now} of at "
                f"most {most} (pids.max). Allow {now + needed}, or end some."
            )


def _memory_problems(needed: int, levels: Iterable[Path]) -> Iterator[str]:
    for level in levels:
        left = _memory_left(level)
        if left is not None and left < needed:
            yield (
                f"The servers of this run take about {needed // MIB} MiB of memory, and the control group {level} has "
                f"{max(left, 0) // MIB} MiB left. Allow more (memory.max), or ask for fewer workers."
            )


def _memory_left(level: Path) -> int | None:
    """Return the bytes left below the limit, with droppable file pages as free; None without a limit."""
    limit = read_int(level / "memory.max") or read_int(level / "memory.limit_in_bytes")
    used = read_int(level / "memory.current") or read_int(level / "memory.usage_in_bytes")
    if limit is None or used is None:
        return None
    statistics = parse_statistics(read_text(level / "memory.stat") or "")
    return limit - used + statistics.get("total_inactive_file", statistics.get("inactive_file", 0))
