"""Reads back the confinement of each server of a stack, from /proc, before anything is measured."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import StackError, raise_all
from harness.evidence.limits import cpu_limit
from harness.lab.kernelfiles import read
from harness.lab.sandbox.steps import Enclosure
from harness.lab.stack import Stack

PROC = Path("/proc")
PROC_NAMES = {"mount": "mnt"}  # as /proc/PID/ns has them, where that differs
STATUS_LINES = ("NoNewPrivs", "Seccomp", "Speculation_Store_Bypass")

Seen = dict[str, Any]


def sandbox_proof(stack: Stack) -> dict[str, Any]:
    """Return the confinement of each role; empty without a sandbox. Raise StackError where it is not as configured."""
    by_role = {
        role: [(pid, seen_of(pid)) for pid in pids]
        for role, pids in {**stack.pids, **_null_server_pids(stack)}.items()
        if stack.blueprint.enclosures[role].words
    }
    enclosures, own = stack.blueprint.enclosures, seen_of("self")
    sandbox_problems = (
        problem
        for role, processes in by_role.items()
        for pid, confinement in processes
        for problem in _confinement_problems(pid, confinement, own, enclosures[role])
    )
    raise_all(sandbox_problems, StackError)
    quota_cpus = stack.blueprint.arms[0].settings.cpu_quota
    raise_all((text for role in by_role for text in _quota_problems(enclosures[role], quota_cpus)), StackError)
    return {"sandbox": {role: processes[0][1] for role, processes in by_role.items()}} if by_role else {}


def seen_of(pid: int | str, proc: Path = PROC) -> Seen:
    """Return the namespaces, control groups, status lines and root file system of a process."""
    process = proc / str(pid)
    status = dict(line.split(":\t", 1) for line in (read(process / "status") or "").splitlines() if ":\t" in line)
    root = re.search(r"^\S+ \S+ \S+ \S+ / .* - (\S+)", read(process / "mountinfo") or "", re.MULTILINE)
    return {
        "namespaces": {
            path.name: str(path.readlink()) for path in sorted((process / "ns").iterdir()) if "_" not in path.name
        },
        "cgroups": (read(process / "cgroup") or "").splitlines(),
        "status": {name: status[name] for name in STATUS_LINES if name in status},
        "root": root[1] if root else "unknown",
    }


def _null_server_pids(stack: Stack) -> Mapping[str, tuple[int, ...]]:
    return {server.service.log.stem: (server.main_pid(),) for server in stack.bare.values()}


def _quota_problems(enclosure: Enclosure, quota_cpus: float) -> Iterator[str]:
    if enclosure.limited and (limit := cpu_limit(enclosure.limited)) != quota_cpus:
        yield f"The control group {enclosure.limited} allows {limit} CPUs instead of {quota_cpus}."


def _confinement_problems(pid: int, confinement: Seen, own: Seen, wanted: Enclosure) -> Iterator[str]:
    for kind in wanted.namespaces:
        name = PROC_NAMES.get(kind, kind)
        if confinement["namespaces"][name] == own["namespaces"][name]:
            yield f"Process {pid} has no {kind} namespace of its own."
    groups = " ".join(confinement["cgroups"])
    yield from (f"Process {pid} is not in the control group {g}." for g in wanted.groups if g.name not in groups)
    words, status, root = wanted.last_words, confinement["status"], confinement["root"]
    if "seccomp" in words and (status.get("Seccomp"), status.get("NoNewPrivs")) != ("2", "1"):
        yield f"Process {pid} has no system call filter: {status}."
    if "no-store-bypass" in words and "mitigated" not in status.get("Speculation_Store_Bypass", ""):
        yield f"Process {pid} has no mitigation of speculative store bypass: {status}."
    if any("pivot" in step.words for step in wanted.mounts) and root != "overlay":
        yield f"The root of process {pid} is on {root}, not on an overlay."
