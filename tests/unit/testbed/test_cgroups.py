"""Control groups on machines in a directory: version 1, version 2, and both at once."""

from collections.abc import Mapping
from pathlib import Path

from harness.testbed.machine.cgroups import cgroup_parents, quota_writes, throttling_counts
from harness.testbed.machine.procfs import Roots

FIRST = """31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
SECOND = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"


def machine(directory: Path, mounts: str, own: str, files: Mapping[str, str]) -> Roots:
    roots = Roots(directory)
    for path, text in {"proc/self/mountinfo": mounts, "proc/self/cgroup": own, **files}.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return roots


def first(directory: Path) -> Roots:
    """Controllers of version 1, two of them together; version 2 is there and has none."""
    own = "3:cpu,cpuacct:/\n4:memory:/user/me\n8:pids:/\n0::/\n"
    return machine(directory, FIRST, own, {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1"})


def second(directory: Path, handed_down: str = "cpuset cpu memory pids") -> Roots:
    """As systemd has it: a session's own scope has processes, and so hands nothing down."""
    top = "sys/fs/cgroup"
    levels = {"": handed_down, "/user.slice": "memory pids", "/user.slice/session-3.scope": ""}
    controllers = {f"{top}{level}/cgroup.controllers": "cpuset cpu memory pids" for level in levels}
    down = {f"{top}{level}/cgroup.subtree_control": text for level, text in levels.items()}
    return machine(directory, SECOND, "0::/user.slice/session-3.scope\n", controllers | down)


def test_in_version_1_a_group_lies_below_our_own_under_each_controller(tmp_path: Path) -> None:
    top = tmp_path / "sys/fs/cgroup"
    assert cgroup_parents(first(tmp_path)) == [top / "cpu,cpuacct", top / "memory/user/me", top / "pids"]


def test_in_version_2_it_lies_where_most_controllers_are_handed_down(tmp_path: Path) -> None:
    assert cgroup_parents(second(tmp_path)) == [tmp_path / "sys/fs/cgroup"]


def test_of_levels_that_hand_down_as_much_it_is_the_nearest(tmp_path: Path) -> None:
    assert cgroup_parents(second(tmp_path, "memory pids")) == [tmp_path / "sys/fs/cgroup/user.slice"]


def test_a_machine_without_control_groups_has_no_place_for_one(tmp_path: Path) -> None:
    assert cgroup_parents(machine(tmp_path, "", "", {})) == []


def test_a_quota_is_written_in_the_words_of_each_version(tmp_path: Path) -> None:
    group = Path("/group")
    cpu = first(tmp_path / "first").sys / "fs/cgroup/cpu,cpuacct"
    assert list(quota_writes(cpu, group, 0.25)) == [
        (group / "cpu.cfs_period_us", "100000"),
        (group / "cpu.cfs_quota_us", "25000"),
    ]
    top = second(tmp_path / "second").sys / "fs/cgroup"
    assert list(quota_writes(top, group, 2)) == [(group / "cpu.max", "200000 100000")]


def test_a_hierarchy_without_the_cpu_controller_takes_no_quota(tmp_path: Path) -> None:
    memory = first(tmp_path / "first").sys / "fs/cgroup/memory/user/me"
    scope = second(tmp_path / "second", "memory pids").sys / "fs/cgroup/user.slice"
    assert [*quota_writes(memory, Path("/group"), 1), *quota_writes(scope, Path("/group"), 1)] == []


def test_throttling_is_read_in_both_versions_and_is_nothing_without_a_quota() -> None:
    version_1 = "nr_periods 96\nnr_throttled 76\nthrottled_time 5946165000\nnr_bursts 0\nburst_time 0\n"
    assert throttling_counts(version_1) == {
        "periods": 96, "throttled_periods": 76, "throttled_us": 5946165
    }  # fmt: skip
    text = "usage_usec 10\nuser_usec 5\nsystem_usec 5\nnr_periods 4\nnr_throttled 1\nthrottled_usec 70\nnr_bursts 0\n"
    assert throttling_counts(text) == {"periods": 4, "throttled_periods": 1, "throttled_us": 70}
    assert throttling_counts("usage_usec 10\nuser_usec 5\nsystem_usec 5\n") == {}
    assert throttling_counts("") == {}
