"""Reads back what each server of a stack runs under, from /proc, before anything is measured."""

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
KINDS = {"mount": "mnt"}  # as /proc/PID/ns has them, where that differs
LINES = ("NoNewPrivs", "Seccomp", "Speculation_Store_Bypass")

Seen = dict[str, Any]


def sandbox_proof(stack: Stack) -> dict[str, Any]:
    """What is seen of each role; nothing for a stack without a sandbox. StackError where it is not what was asked."""
    seen = {
        role: [(pid, seen_of(pid)) for pid in pids]
        for role, pids in {**stack.pids, **_bare(stack)}.items()
        if stack.blueprint.enclosures[role].words
    }
    here, quota_cpus = seen_of("self"), stack.blueprint.arms[0].settings.cpu_quota
    problems = (
        problem
        for role, processes in seen.items()
        for pid, found in processes
        for problem in _problems(pid, found, here, stack.blueprint.enclosures[role])
    )
    raise_all(problems, StackError)
    raise_all((text for role in seen for text in _unlimited(stack.blueprint.enclosures[role], quota_cpus)), StackError)
    return {"sandbox": {role: processes[0][1] for role, processes in seen.items()}} if seen else {}


def seen_of(pid: int | str, proc: Path = PROC) -> Seen:
    """Its namespaces, control groups, status lines and root."""
    process = proc / str(pid)
    status = dict(line.split(":\t", 1) for line in (read(process / "status") or "").splitlines() if ":\t" in line)
    root = re.search(r"^\S+ \S+ \S+ \S+ / .* - (\S+)", read(process / "mountinfo") or "", re.MULTILINE)
    return {
        "namespaces": {
            one.name: str(one.readlink()) for one in sorted((process / "ns").iterdir()) if "_" not in one.name
        },
        "cgroups": (read(process / "cgroup") or "").splitlines(),
        "status": {name: status[name] for name in LINES if name in status},
        "root": root[1] if root else "unknown",
    }


def _bare(stack: Stack) -> Mapping[str, tuple[int, ...]]:
    return {server.service.log.stem: (server.main_pid(),) for server in stack.bare.values()}


def _unlimited(enclosure: Enclosure, quota_cpus: float) -> Iterator[str]:
    if enclosure.limited and (found := cpu_limit(enclosure.limited)) != quota_cpus:
        yield f"The control group {enclosure.limited} allows {found} CPUs instead of {quota_cpus}."


def _problems(pid: int, seen: Seen, here: Seen, wanted: Enclosure) -> Iterator[str]:
    for kind in wanted.namespaces:
        name = KINDS.get(kind, kind)
        if seen["namespaces"][name] == here["namespaces"][name]:
            yield f"Process {pid} has no {kind} namespace of its own."
    groups = " ".join(seen["cgroups"])
    yield from (f"Process {pid} is not in the control group {g}." for g in wanted.groups if g.name not in groups)
    words = wanted.last_words
    if "seccomp" in words and (seen["status"].get("Seccomp"), seen["status"].get("NoNewPrivs")) != ("2", "1"):
        yield f"Process {pid} is under no filter of system calls: {seen['status']}."
    if "no-store-bypass" in words and "mitigated" not in seen["status"].get("Speculation_Store_Bypass", ""):
        yield f"Process {pid} may bypass stores: {seen['status']}."
    if any("pivot" in step.words for step in wanted.mounts) and seen["root"] != "overlay":
        yield f"The root of process {pid} is on {seen['root']}, not on an overlay."
