"""Finds the threads that may run outside the CPUs of their role."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from harness.lab.kernelfiles import format_cpus, parse_cpus, read
from harness.lab.placement import Placement


def strays(pids_by_role: Mapping[str, Collection[int]], placement: Placement, proc: Path = Path("/proc")) -> list[str]:
    """Return a sentence for each thread whose allowed CPUs are not all CPUs of its role; ended ones are skipped."""
    return [
        f"Thread {task} ({name}) of {role} may run on CPUs {format_cpus(allowed)}, but the placement "
        f"pins {role} to {format_cpus(placement.cpus[role])}."
        for role, pids in pids_by_role.items()
        for pid in pids
        for task, name, allowed in _threads(proc / str(pid))
        if not set(allowed) <= set(placement.cpus[role])
    ]


def _threads(process: Path) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Yield the id, the name and the allowed CPUs of each thread."""
    for task in sorted(process.glob("task/[0-9]*")):
        lines = (read(task / "status") or "").splitlines()
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if allowed := parse_cpus(fields.get("Cpus_allowed_list", "")):
            yield int(task.name), fields["Name"], allowed
