"""What /proc shows of processes: the CPUs of their threads, the kind of their addresses, their confinement."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.testbed.machine.placement import Placement
from harness.testbed.machine.procfs import format_cpus, parse_cpus, read_text
from harness.testbed.standalone.enter import ADDR_NO_RANDOMIZE

PROC = Path("/proc")
STATUS_LINES = ("NoNewPrivs", "Seccomp", "Speculation_Store_Bypass")


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
