"""Gathers the facts of host.json: everything about the machine that a reader of the numbers may ask for."""

import hashlib
import platform
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.evidence.circumstances import kernel_config
from harness.evidence.cpus import cpu_facts
from harness.evidence.limits import limit_facts
from harness.evidence.network import network_facts
from harness.evidence.sysctls import read_sysctls
from harness.evidence.versions import program_versions, python_facts
from harness.evidence.virtual import virtual_facts
from harness.lab.kernelfiles import HERE, Roots, read, read_named
from harness.lab.mounts import Filesystem, filesystem_of

# Results are shared, so nothing here may name a host or a user: no node name, no builder of the kernel, no
# sources of mounts, no addresses, no paths of a home directory, none of these boot parameters.
_NAMING_PARAMETERS = (
    "ip",
    "nfsroot",
    "root",
    "resume",
    "init",
    "rdinit",
    "hostname",
    "systemd.hostname",
    "systemd.machine_id",
)

_PLACES = ("/", "/dev/shm", "/tmp", "/var/tmp")  # noqa: S108 - described, never used
_MEMORY = {
    "MemTotal": "total_bytes",
    "MemAvailable": "available_bytes",
    "SwapTotal": "swap_bytes",
    "SwapFree": "swap_free_bytes",
}
_THP = ("enabled", "defrag", "shmem_enabled")
_SCHEDULER = ("base_slice_ns", "migration_cost_ns", "preempt", "features")


def host_facts(programs: Mapping[str, str | Sequence[str]], roots: Roots = HERE) -> dict[str, Any]:
    """The content of host.json. `programs`: name -> path, or the whole command that asks for the version."""
    return {
        "kernel": _kernel(roots),
        "system": _system(roots.etc),
        "cpus": cpu_facts(roots),
        "virtual": virtual_facts(roots),
        "clock": read_named(
            roots.sys / "devices/system/clocksource/clocksource0",
            ("current_clocksource", "available_clocksource"),
        ),
        "memory": _memory(roots),
        "scheduler": read_named(roots.sys / "kernel/debug/sched", _SCHEDULER),
        "sysctls": read_sysctls(roots.proc),
        "mounts": _mounts(roots.proc),
        "cgroup": limit_facts(roots),
        "network": network_facts(roots),
        "python": python_facts(),
        "programs": program_versions(programs),
    }


def _kernel(roots: Roots) -> dict[str, str | None]:
    release = read(roots.proc / "sys/kernel/osrelease") or ""
    builder = r"\([^()\s]+@[^()\s]+\) "
    return {
        "release": release,
        "machine": platform.machine(),
        "version": re.sub(builder, "", read(roots.proc / "version") or ""),
        "command_line": _command_line(read(roots.proc / "cmdline") or ""),
        "config_sha256": _config_hash(roots),
    }


def _command_line(text: str) -> str:
    """The kernel's own parameters: what follows `--` is for init."""
    own = text.partition(" -- ")[0].split()
    return " ".join(word for word in own if word.partition("=")[0] not in _NAMING_PARAMETERS)


def _config_hash(roots: Roots) -> str | None:
    text = kernel_config(roots)
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _system(etc: Path) -> str | None:
    """The distribution's name for itself: man 5 os-release."""
    lines = (read(etc / "os-release") or "").splitlines()
    names = [line.partition("=")[2] for line in lines if line.startswith("PRETTY_NAME=")]
    return " ".join(shlex.split(names[0])) if names else None


def _memory(roots: Roots) -> dict[str, Any]:
    """meminfo's "kB" are kibibytes: man 5 proc."""
    words = [line.split() for line in (read(roots.proc / "meminfo") or "").splitlines()]
    kibibytes = {name.rstrip(":"): int(value) for name, value, *_ in words}
    return {
        **{ours: kibibytes[theirs] * 1024 for theirs, ours in _MEMORY.items() if theirs in kibibytes},
        "transparent_hugepages": read_named(roots.sys / "kernel/mm/transparent_hugepage", _THP),
    }


def _mounts(proc: Path) -> dict[str, dict[str, Any]]:
    """The file systems of the directories that can hold a socket."""
    found = {place: filesystem_of(Path(place), proc) for place in _PLACES}
    return {
        place: {"kind": on.kind, "mount_point": on.mount_point, "options": _options(on)} for place, on in found.items()
    }


def _options(mount: Filesystem) -> list[str]:
    """Without directories, and without addresses and names of network file systems."""
    naming = re.compile(r"/|addr=|user(name)?=|domain=")
    return [option for option in mount.options if not naming.search(option)]
