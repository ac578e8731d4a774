"""Reads the CPU and memory limits of the cgroup that barehop runs in."""

from pathlib import Path
from typing import Any

from harness.lab.cgroups import levels
from harness.lab.kernelfiles import HERE, Roots, read, read_int
from harness.lab.mounts import read_mounts

# cgroup v1 writes "no limit" as the largest number of pages, some 2**63 bytes.
_UNLIMITED_BYTES = 1 << 60


def limit_facts(roots: Roots = HERE) -> dict[str, Any]:
    """Return the mount points of cgroups ("cgroup" is version 1), and the limits of CPU and memory.

    A limit is the lowest from our cgroup up to the root, None where there is none. The path of the cgroup is not
    recorded: it can contain a user's name.
    """
    mounts = read_mounts(roots.proc)
    cpu = [cpu_limit(level) for level in levels("cpu", mounts, roots)]
    memory = [_memory_limit(level) for level in levels("memory", mounts, roots)]
    return {
        "mounts": {mount.mount_point: mount.kind for mount in mounts if mount.kind in ("cgroup", "cgroup2")},
        "cpu_limit": min((limit for limit in cpu if limit is not None), default=None),
        "memory_limit_bytes": min((limit for limit in memory if limit is not None), default=None),
    }


def throttled_periods(roots: Roots = HERE) -> int:
    """Return the number of periods in which our cgroup, or a parent, was throttled because of its CPU quota."""
    mounts = read_mounts(roots.proc)
    texts = [read(level / "cpu.stat") or "" for level in levels("cpu", mounts, roots)]
    rows = [line.split() for text in texts for line in text.splitlines()]
    return sum(int(row[1]) for row in rows if row[0] == "nr_throttled")


def cpu_limit(level: Path) -> float | None:
    """Return the quota of a cgroup in CPUs, from cpu.max of v2 or quota and period of v1; None: unlimited."""
    quota, _, period = (read(level / "cpu.max") or "").partition(" ")
    quota = quota or read(level / "cpu.cfs_quota_us") or "-1"
    period = period or read(level / "cpu.cfs_period_us") or "100000"
    return None if quota in ("max", "-1") else int(quota) / int(period)


def _memory_limit(level: Path) -> int | None:
    limit = read_int(level / "memory.max") or read_int(level / "memory.limit_in_bytes")
    return limit if limit is not None and limit < _UNLIMITED_BYTES else None
