"""Gathers host.json: the facts about the machine that may explain a result."""

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
_IDENTIFYING_PARAMETERS = (
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

_SOCKET_DIRECTORIES = ("/", "/dev/shm", "/tmp", "/var/tmp")  # noqa: S108 - described, never used
_MEMORY_FIELDS = {
    "MemTotal": "total_bytes",
    "MemAvailable": "available_bytes",
    "SwapTotal": "swap_bytes",
    "SwapFree": "swap_free_bytes",
}
_HUGE_PAGE_FILES = ("enabled", "defrag", "shmem_enabled")
_SCHEDULER_FILES = ("base_slice_ns", "migration_cost_ns", "preempt", "features")


def host_facts(programs: Mapping[str, str | Sequence[str]], roots: Roots = HERE) -> dict[str, Any]:
    """Return the content of host.json. `programs` maps names to paths, or to commands that print the version."""
    return {
        "kernel": _kernel_facts(roots),
        "system": _distribution(roots.etc),
        "cpus": cpu_facts(roots),
        "virtual": virtual_facts(roots),
        "clock": read_named(
            roots.sys / "devices/system/clocksource/clocksource0",
            ("current_clocksource", "available_clocksource"),
        ),
        "memory": _memory_facts(roots),
        "scheduler": read_named(roots.sys / "kernel/debug/sched", _SCHEDULER_FILES),
        "sysctls": read_sysctls(roots.proc),
        "mounts": _socket_mounts(roots.proc),
        "cgroup": limit_facts(roots),
        "network": network_facts(roots),
        "python": python_facts(),
        "programs": program_versions(programs),
    }


def _kernel_facts(roots: Roots) -> dict[str, str | None]:
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
    """Return the kernel's own parameters, without those after `--`, which are for init."""
    own = text.partition(" -- ")[0].split()
    return " ".join(word for word in own if word.partition("=")[0] not in _IDENTIFYING_PARAMETERS)


def _config_hash(roots: Roots) -> str | None:
    text = kernel_config(roots)
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _distribution(etc: Path) -> str | None:
    """Return the name of the distribution. man 5 os-release: PRETTY_NAME."""
    lines = (read(etc / "os-release") or "").splitlines()
    names = [line.partition("=")[2] for line in lines if line.startswith("PRETTY_NAME=")]
    return " ".join(shlex.split(names[0])) if names else None


def _memory_facts(roots: Roots) -> dict[str, Any]:
    """Return memory sizes in bytes; the "kB" of meminfo are kibibytes. man 5 proc."""
    words = [line.split() for line in (read(roots.proc / "meminfo") or "").splitlines()]
    kibibytes = {name.rstrip(":"): int(value) for name, value, *_ in words}
    return {
        **{name: kibibytes[field] * 1024 for field, name in _MEMORY_FIELDS.items() if field in kibibytes},
        "transparent_hugepages": read_named(roots.sys / "kernel/mm/transparent_hugepage", _HUGE_PAGE_FILES),
    }


def _socket_mounts(proc: Path) -> dict[str, dict[str, Any]]:
    """Return the file systems of the directories that can hold a socket."""
    mounts = {directory: filesystem_of(Path(directory), proc) for directory in _SOCKET_DIRECTORIES}
    return {
        directory: {"kind": mount.kind, "mount_point": mount.mount_point, "options": _public_options(mount)}
        for directory, mount in mounts.items()
    }


def _public_options(mount: Filesystem) -> list[str]:
    """Return the mount options without directories, addresses and user names."""
    identifying = re.compile(r"/|addr=|user(name)?=|domain=")
    return [option for option in mount.options if not identifying.search(option)]
