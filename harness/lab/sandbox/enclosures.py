"""Decides how each server of a stack is enclosed on this machine."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from harness.errors import MachineError
from harness.lab.cgroups import parents, quota_writes
from harness.lab.directories import private_name
from harness.lab.kernelfiles import HERE, Roots
from harness.lab.mounts import mounts_on_root
from harness.lab.sandbox.asked import Sandbox
from harness.lab.sandbox.seccomp import AUDIT_ARCH, filter_for
from harness.lab.sandbox.steps import BARE, Enclosure, Places, enclosure


def enclosed(sandbox: Sandbox, server: str, scratch: Path, shared: Sequence[Path], roots: Roots = HERE) -> Enclosure:
    """Return the enclosure of `server`; all servers share the `shared` directories, the last of which holds our files.

    Raises MachineError where this machine lacks a part.
    """
    if sandbox == Sandbox():
        return BARE
    hierarchies = parents(roots) if sandbox.cgroup else []
    groups = {parent: parent / private_name() for parent in hierarchies}
    places = Places(
        scratch=scratch / f"root-{server}",
        shared=tuple(shared),
        others=_other_mounts(roots) if sandbox.overlay else (),
        writes=_quota_writes(sandbox.quota_cpus, groups),
        groups=tuple(groups.values()),
        program=shared[-1] / "seccomp.bpf",
    )
    if sandbox.cgroup and not hierarchies:
        raise MachineError("No control groups are mounted here. Mount them at /sys/fs/cgroup, or leave this out.")
    return enclosure(sandbox, places, _filter_program() if sandbox.filtered else b"", as_root=os.geteuid() == 0)


def _other_mounts(roots: Roots) -> tuple[Path, ...]:
    """Return the mount points directly on the root's file system, which an overlay does not show."""
    points = (mount.mount_point for mount in mounts_on_root(roots.proc))
    return tuple(Path(point) for point in dict.fromkeys(points) if point != "/")


def _quota_writes(cpus: float, groups: dict[Path, Path]) -> tuple[tuple[Path, str], ...]:
    if not cpus:
        return ()
    writes = tuple(write for parent, group in groups.items() for write in quota_writes(parent, group, cpus))
    if not writes:
        raise MachineError(
            "The cpu controller cannot limit a new control group here. With version 2 of control groups, root can "
            "enable it: echo +cpu > /sys/fs/cgroup/cgroup.subtree_control."
        )
    return writes


def _filter_program() -> bytes:
    machine = platform.machine()
    if machine not in AUDIT_ARCH:
        raise MachineError(f"The filter of system calls is known for x86_64 and aarch64, not for {machine}.")
    return filter_for(machine)
