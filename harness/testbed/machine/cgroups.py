"""Control groups: our own under each controller, in version 1 and version 2 (man 7 cgroups)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.testbed.machine.procfs import HOST_ROOTS, Filesystem, Roots, read_mounts, read_text

ACCOUNTING_CONTROLLERS = ("cpu", "cpuacct", "memory", "pids")
PERIOD_US = 100_000
NO_CONTROLLER = "none"  # of version 1, where controllers may be


def cgroup_levels(controller: str, mounts: Sequence[Filesystem], roots: Roots = HOST_ROOTS) -> list[Path]:
    """Return the directories of our cgroup under `controller`, from our own up to the mount."""
    lines = [line.split(":", 2) for line in (read_text(roots.proc / "self/cgroup") or "").splitlines()]
    paths = {name: path for _, names, path in lines for name in names.split(",")}  # version 2 is under ""
    v1 = [mount for mount in mounts if mount.kind == "cgroup" and controller in mount.options]
    v2 = [mount for mount in mounts if mount.kind == "cgroup2"]
    hierarchy, path = (v1, paths[controller]) if controller in paths else (v2, paths.get("", "/"))
    if not hierarchy:
        return []
    top = roots.top / hierarchy[0].mount_point.lstrip("/")
    own = top / path.removeprefix(hierarchy[0].root).lstrip("/")
    return [level for level in (own, *own.parents) if level.is_relative_to(top)]


def cgroup_parents(roots: Roots = HOST_ROOTS) -> list[Path]:
    """Return the directories in which servers get groups, one a hierarchy: our own group wherever possible.

    Version 2 delegates controllers only where no process is (man 7 cgroups, "no internal processes"). There it is the
    nearest level above us that delegates most controllers.
    """
    mounts = read_mounts(roots.proc)
    hierarchies = [own for controller in ACCOUNTING_CONTROLLERS if (own := cgroup_levels(controller, mounts, roots))]
    parents = (
        max(levels, key=lambda level: len(delegated_controllers(level))) if is_v2(levels[0]) else levels[0]
        for levels in hierarchies
    )
    return list(dict.fromkeys(parents))


def socket_group_parent(roots: Roots = HOST_ROOTS) -> Path | None:
    """Return our own group of version 2, with controllers or without, or None: programs on sockets need such groups."""
    return next(iter(cgroup_levels(NO_CONTROLLER, read_mounts(roots.proc), roots)), None)


def is_v2(directory: Path) -> bool:
    """Return whether a group is one of version 2."""
    return (directory / "cgroup.controllers").exists()


def delegated_controllers(directory: Path) -> set[str]:
    """Return the controllers, of those in ACCOUNTING_CONTROLLERS, that a group of version 2 delegates."""
    return set((read_text(directory / "cgroup.subtree_control") or "").split()) & set(ACCOUNTING_CONTROLLERS)


def quota_writes(parent: Path, group: Path, quota_cpus: float) -> Iterator[tuple[Path, str]]:
    """Yield (file, text) for each file that limits `group`, to be made in `parent`, to `quota_cpus` CPUs."""
    quota_us = round(quota_cpus * PERIOD_US)
    if is_v2(parent):
        if "cpu" in delegated_controllers(parent):
            yield group / "cpu.max", f"{quota_us} {PERIOD_US}"
    elif (parent / "cpu.cfs_quota_us").exists() or (parent / "cpu.shares").exists():
        yield group / "cpu.cfs_period_us", str(PERIOD_US)
        yield group / "cpu.cfs_quota_us", str(quota_us)


def parse_statistics(text: str) -> dict[str, int]:
    """Return the numbers of a file like cpu.stat by name."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def throttling_counts(cpu_stat: str) -> dict[str, int]:
    """Return the periods, the throttled periods and the throttled time from the text of cpu.stat; {} without limits."""
    values = parse_statistics(cpu_stat)
    throttled_us = values.get("throttled_usec", values.get("throttled_time", 0) // 1000)
    periods, throttled = values.get("nr_periods"), values.get("nr_throttled")
    return {} if periods is None or throttled is None else {
        "periods": periods, "throttled_periods": throttled, "throttled_us": throttled_us
    }  # fmt: skip
