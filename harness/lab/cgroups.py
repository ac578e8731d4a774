"""Where control groups are: ours under each controller, in version 1 and version 2; man 7 cgroups."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.lab.kernelfiles import HERE, Roots, read
from harness.lab.mounts import Filesystem, read_mounts

ACCOUNTING = ("cpu", "cpuacct", "memory", "pids")
PERIOD_US = 100_000
LEAST_QUOTA_US = 1000  # min_cfs_quota_period of kernel/sched/core.c


def levels(controller: str, mounts: Sequence[Filesystem], roots: Roots = HERE) -> list[Path]:
    """The directories of our cgroup under `controller`, from our own up to the mount."""
    paths = own_paths(roots.proc)
    first = [mount for mount in mounts if mount.kind == "cgroup" and controller in mount.options]
    second = [mount for mount in mounts if mount.kind == "cgroup2"]
    found, path = (first, paths[controller]) if controller in paths else (second, paths.get("", "/"))
    if not found:
        return []
    top = roots.top / found[0].mount_point.lstrip("/")
    own = top / path.removeprefix(found[0].root).lstrip("/")
    return [level for level in (own, *own.parents) if level.is_relative_to(top)]


def own_paths(proc: Path) -> dict[str, str]:
    """Controller -> our cgroup; version 2 is under "". `hierarchy:controllers:path`."""
    lines = [line.split(":", 2) for line in (read(proc / "self/cgroup") or "").splitlines()]
    return {name: path for _, names, path in lines for name in names.split(",")}


def parents(roots: Roots = HERE) -> list[Path]:
    """Where groups for servers are to be made, one a hierarchy: directly below our own group wherever that can be.

    Version 2 hands controllers down only where no process is (man 7 cgroups, "no internal processes"), so there it is
    the nearest level above us that hands down most.
    """
    mounts = read_mounts(roots.proc)
    found = [own for controller in ACCOUNTING if (own := levels(controller, mounts, roots))]
    return list(dict.fromkeys(_second(each) if is_second(each[0]) else each[0] for each in found))


def _second(rising: Sequence[Path]) -> Path:
    return max(rising, key=lambda level: len(handed_down(level)))  # the first of equals is the nearest


def is_second(directory: Path) -> bool:
    """Whether a group is one of version 2."""
    return (directory / "cgroup.controllers").exists()


def handed_down(directory: Path) -> set[str]:
    """The controllers that groups below one of version 2 have, of those that we want."""
    return set((read(directory / "cgroup.subtree_control") or "").split()) & set(ACCOUNTING)


def quota_writes(parent: Path, group: Path, quota_cpus: float) -> Iterator[tuple[Path, str]]:
    """(file, text) for each file that limits `group`, to be made in `parent`, to so many CPUs' worth of time."""
    quota_us = round(quota_cpus * PERIOD_US)
    if is_second(parent):
        if "cpu" in handed_down(parent):
            yield group / "cpu.max", f"{quota_us} {PERIOD_US}"
    elif (parent / "cpu.cfs_quota_us").exists() or (parent / "cpu.shares").exists():
        yield group / "cpu.cfs_period_us", str(PERIOD_US)
        yield group / "cpu.cfs_quota_us", str(quota_us)


def throttling(cpu_stat: str) -> dict[str, int]:
    """Of cpu.stat: periods, those in which a group was stopped, and for how many microseconds."""
    rows = [line.split() for line in cpu_stat.splitlines()]
    found = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
    stopped_us = found.get("throttled_usec", found.get("throttled_time", 0) // 1000)
    periods, stopped = found.get("nr_periods"), found.get("nr_throttled")
    return {} if periods is None or stopped is None else {
        "periods": periods, "throttled_periods": stopped, "throttled_us": stopped_us
    }  # fmt: skip
