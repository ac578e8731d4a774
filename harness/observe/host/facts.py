"""Facts of the host that host.json holds: kernel, memory, mounts, limits, network, sysctls."""

import gzip
import hashlib
import hmac
import platform
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from harness.model.record import CgroupFacts, HostFacts, IdentityFacts, MemoryFacts, MountFacts, NetworkFacts
from harness.observe.host.cpus import cpu_facts, virtual_facts
from harness.observe.host.serving import program_versions, python_facts
from harness.testbed.machine.cgroups import cgroup_levels
from harness.testbed.machine.procfs import (
    HOST_ROOTS,
    Roots,
    filesystem_of,
    idle_states,
    read_int,
    read_mounts,
    read_text,
    read_texts,
)

SERVICES = ("irqbalance", "tuned", "dockerd", "containerd", "podman", "firewalld", "thermald", "power-profiles-")

# Results are shared, so nothing here may name a host or a user: no node name, no builder of the kernel, no
# sources of mounts, no addresses, no paths of a home directory, none of these boot parameters.
_IDENTIFYING_PARAMETERS = (
    "ip", "nfsroot", "root", "resume", "init", "rdinit", "hostname", "systemd.hostname", "systemd.machine_id",
)  # fmt: skip

# An id is the key, and this the message of its hash, as in sd_id128_get_machine_app_specific.
_IDENTITY_PURPOSE, _IDENTITY_DIGITS = b"barehop host", 16

_SOCKET_DIRECTORIES = ("/", "/dev/shm", "/tmp", "/var/tmp")  # noqa: S108 - described, never used
_MEMORY_FIELDS = {
    "MemTotal": "total_bytes",
    "MemAvailable": "available_bytes",
    "SwapTotal": "swap_bytes",
    "SwapFree": "swap_free_bytes",
}
_HUGE_PAGE_FILES = ("enabled", "defrag", "shmem_enabled")
_SCHEDULER_FILES = ("base_slice_ns", "migration_cost_ns", "preempt", "features")

# cgroup v1 writes "no limit" as the largest number of pages, some 2**63 bytes.
_UNLIMITED_BYTES = 1 << 60

# Paths that exist when a part of the kernel is present: a module's directory or, when built in, its files in /proc.
_NETWORK_MODULES = {
    "nf_conntrack": ("sys/module/nf_conntrack", "proc/sys/net/netfilter/nf_conntrack_max"),
    "nf_tables": ("sys/module/nf_tables",),
    "ip_tables": ("sys/module/ip_tables", "proc/net/ip_tables_names"),
    "br_netfilter": ("sys/module/br_netfilter", "proc/sys/net/bridge"),
    "overlay": ("sys/module/overlay",),
}

_SYSCTL_PATTERNS = (
    "net/core/*", "net/ipv4/tcp_*", "net/ipv4/ip_*", "net/ipv4/inet_peer_*", "net/unix/*", "net/bridge/*",
    "net/netfilter/nf_conntrack_*", "kernel/sched_*", "kernel/numa_balancing", "kernel/randomize_va_space",
    "kernel/timer_migration", "kernel/*watchdog*", "kernel/perf_*", "kernel/pid_max", "kernel/threads-max",
    "kernel/task_delayacct", "vm/swappiness", "vm/stat_interval", "vm/overcommit_memory", "vm/zone_reclaim_mode",
    "vm/compaction_proactiveness", "fs/file-max", "fs/nr_open",
)  # fmt: skip
# Secrets (tcp_fastopen_key), keys of hashes, and values that change by themselves.
_EXCLUDED_SYSCTLS = ("_key", "_seed", "nf_conntrack_count")


@dataclass(frozen=True, slots=True)
class SystemState:
    """Settings of the machine; None or empty if unknown. `idle_exit_us`: exit latency by idle state, shallow first."""

    clock: str | None
    timer_hz: int | None
    idle_exit_us: dict[str, int]
    halt_poll_ns: int | None
    huge_pages: str | None
    services: tuple[str, ...]


def read_system_state(roots: Roots = HOST_ROOTS) -> SystemState:
    """Read the settings from /proc and /sys."""
    hertz = re.search(r"^CONFIG_HZ=(\d+)$", _kernel_config(roots) or "", re.MULTILINE)
    names = {read_text(path) for path in roots.proc.glob("[0-9]*/comm")}  # the kernel cuts them to 15 characters
    pages = re.search(r"\[(.+?)\]", read_text(roots.sys / "kernel/mm/transparent_hugepage/enabled") or "")
    return SystemState(
        clock=read_text(roots.sys / "devices/system/clocksource/clocksource0/current_clocksource"),
        timer_hz=int(hertz[1]) if hertz else None,
        idle_exit_us=idle_states(roots),
        halt_poll_ns=read_int(roots.sys / "module/haltpoll/parameters/guest_halt_poll_ns"),
        huge_pages=pages[1] if pages else None,
        services=tuple(name for name in SERVICES if name in names),
    )


def _kernel_config(roots: Roots = HOST_ROOTS) -> str | None:
    """Return the configuration of the running kernel as text, from /proc/config.gz or /boot."""
    try:
        return gzip.decompress((roots.proc / "config.gz").read_bytes()).decode(errors="replace").strip()
    except (OSError, EOFError):
        release = read_text(roots.proc / "sys/kernel/osrelease") or ""
        return read_text(roots.top / f"boot/config-{release}")


def host_facts(programs: Mapping[str, Sequence[str]], roots: Roots = HOST_ROOTS) -> HostFacts:
    """Return the content of host.json. `programs` are the commands that print versions, by name."""
    return {
        "identity": identity_facts(roots),
        "kernel": _kernel_facts(roots),
        "system": _distribution(roots.etc),
        "cpus": cpu_facts(roots),
        "virtual": virtual_facts(roots),
        "clock": read_texts(
            roots.sys / "devices/system/clocksource/clocksource0",
            ("current_clocksource", "available_clocksource"),
        ),
        "memory": _memory_facts(roots),
        "scheduler": read_texts(roots.sys / "kernel/debug/sched", _SCHEDULER_FILES),
        "sysctls": read_sysctls(roots.proc),
        "mounts": _socket_mounts(roots.proc),
        "cgroup": limit_facts(roots),
        "network": network_facts(roots),
        "python": python_facts(),
        "programs": program_versions(programs),
    }


def identity_facts(roots: Roots = HOST_ROOTS) -> IdentityFacts:
    """Return a hash of the machine id, and one of the boot id.

    man 5 machine-id: it must not be published, but may be the key of a hash. In a container it is that of the image, or
    is new with each container, so none is recorded; the boot id is that of the kernel, which all containers share.
    """
    machine = None if virtual_facts(roots).get("container") else read_text(roots.etc / "machine-id")
    return {"machine": _hashed_id(machine), "boot": _hashed_id(read_text(roots.proc / "sys/kernel/random/boot_id"))}


def _hashed_id(text: str | None) -> str | None:
    """Return the hash of a 128-bit id; None for any other text, such as the `uninitialized` of a first boot."""
    digits = (text or "").strip().replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{32}", digits):
        return None
    return hmac.digest(bytes.fromhex(digits), _IDENTITY_PURPOSE, "sha256").hex()[:_IDENTITY_DIGITS]


def _kernel_facts(roots: Roots) -> dict[str, str | None]:
    builder = r"\([^()\s]+@[^()\s]+\) "
    config = _kernel_config(roots)
    return {
        "release": read_text(roots.proc / "sys/kernel/osrelease") or "",
        "machine": platform.machine(),
        "version": re.sub(builder, "", read_text(roots.proc / "version") or ""),
        "command_line": _command_line(read_text(roots.proc / "cmdline") or ""),
        "config_sha256": hashlib.sha256(config.encode()).hexdigest() if config else None,
    }


def _command_line(text: str) -> str:
    """Return the kernel's own parameters, without those after `--`, which are for init."""
    own = text.partition(" -- ")[0].split()
    return " ".join(word for word in own if word.partition("=")[0] not in _IDENTIFYING_PARAMETERS)


def _distribution(etc: Path) -> str | None:
    """Return the name of the distribution. man 5 os-release: PRETTY_NAME."""
    lines = (read_text(etc / "os-release") or "").splitlines()
    names = [line.partition("=")[2] for line in lines if line.startswith("PRETTY_NAME=")]
    return " ".join(shlex.split(names[0])) if names else None


def _memory_facts(roots: Roots) -> MemoryFacts:
    """Return memory sizes in bytes; the "kB" of meminfo are kibibytes. man 5 proc."""
    words = [line.split() for line in (read_text(roots.proc / "meminfo") or "").splitlines()]
    kibibytes = {name.rstrip(":"): int(value) for name, value, *_ in words}
    sizes = {name: kibibytes[field] * 1024 for field, name in _MEMORY_FIELDS.items() if field in kibibytes}
    pages = read_texts(roots.sys / "kernel/mm/transparent_hugepage", _HUGE_PAGE_FILES)
    return cast("MemoryFacts", {**sizes, "transparent_hugepages": pages})


def _socket_mounts(proc: Path) -> dict[str, MountFacts]:
    """Return the file systems of the directories that can hold a socket, without options that name users or places."""
    identifying = re.compile(r"/|addr=|user(name)?=|domain=")
    facts: dict[str, MountFacts] = {}
    for directory in _SOCKET_DIRECTORIES:
        mount = filesystem_of(Path(directory), proc)
        options = [option for option in mount.options if not identifying.search(option)]
        facts[directory] = {"kind": mount.kind, "mount_point": mount.mount_point, "options": options}
    return facts


def limit_facts(roots: Roots = HOST_ROOTS) -> CgroupFacts:
    """Return the mount points of cgroups ("cgroup" is version 1), and the limits of CPU and memory.

    A limit is the lowest from our cgroup up to the root, None where there is none. The path of the cgroup is not
    recorded: it can contain a user's name.
    """
    mounts = read_mounts(roots.proc)
    cpu = (cpu_limit(level) for level in cgroup_levels("cpu", mounts, roots))
    memory = (
        read_int(level / "memory.max") or read_int(level / "memory.limit_in_bytes")
        for level in cgroup_levels("memory", mounts, roots)
    )
    return {
        "mounts": {mount.mount_point: mount.kind for mount in mounts if mount.kind in ("cgroup", "cgroup2")},
        "cpu_limit": min((limit for limit in cpu if limit is not None), default=None),
        "memory_limit_bytes": min((limit for limit in memory if limit and limit < _UNLIMITED_BYTES), default=None),
    }


def throttled_periods(roots: Roots = HOST_ROOTS) -> int:
    """Return the number of periods in which our cgroup, or a parent, was throttled because of its CPU quota."""
    mounts = read_mounts(roots.proc)
    texts = [read_text(level / "cpu.stat") or "" for level in cgroup_levels("cpu", mounts, roots)]
    rows = [line.split() for text in texts for line in text.splitlines()]
    return sum(int(row[1]) for row in rows if row[0] == "nr_throttled")


def cpu_limit(level: Path) -> float | None:
    """Return the quota of a cgroup in CPUs, from cpu.max of v2 or quota and period of v1; None: unlimited."""
    quota, _, period = (read_text(level / "cpu.max") or "").partition(" ")
    quota = quota or read_text(level / "cpu.cfs_quota_us") or "-1"
    period = period or read_text(level / "cpu.cfs_period_us") or "100000"
    return None if quota in ("max", "-1") else int(quota) / int(period)


def network_facts(roots: Roots = HOST_ROOTS) -> NetworkFacts:
    """Return the interfaces of our network namespace (no addresses), and the loaded modules that containers need.

    `conntrack_entries` above zero means that connections here are tracked, which slows down TCP only.
    """
    directory = roots.sys / "class/net"
    return {
        "interfaces": {path.name: _interface(path) for path in sorted(directory.glob("*/"))},
        "loaded": [
            module for module, paths in _NETWORK_MODULES.items() if any((roots.top / path).exists() for path in paths)
        ],
        "conntrack_entries": read_int(roots.proc / "sys/net/netfilter/nf_conntrack_count"),
    }


def _interface(path: Path) -> dict[str, Any]:
    return {
        "kind": _interface_kind(path),
        "mtu": read_int(path / "mtu"),
        "state": read_text(path / "operstate"),
        "rps_cpus": read_text(path / "queues/rx-0/rps_cpus"),
    }


def _interface_kind(path: Path) -> str:
    if path.name == "lo":
        return "loopback"
    if (path / "bridge").exists():
        return "bridge"
    if (path / "device").exists():
        return "device"
    is_pair = read_int(path / "iflink") != read_int(path / "ifindex") and not any(path.glob("lower_*"))
    return "veth" if is_pair else "virtual"


def read_sysctls(proc: Path = Path("/proc")) -> dict[str, str]:
    """Return readable values by name ("net.ipv4.tcp_sack"), their parts separated by one space."""
    root = proc / "sys"
    paths = sorted({path for pattern in _SYSCTL_PATTERNS for path in root.glob(pattern)})
    recorded = (path for path in paths if not path.name.endswith(_EXCLUDED_SYSCTLS))
    texts = {".".join(path.relative_to(root).parts): read_text(path) for path in recorded}
    return {name: " ".join(text.split()) for name, text in texts.items() if text is not None}
