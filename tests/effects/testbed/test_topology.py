import os
import re
from collections.abc import Mapping
from pathlib import Path

from harness.testbed.machine.topology import UNKNOWN, Cpu, read_topology

CPU_INFO = Path("/proc/cpuinfo")
CPU = "devices/system/cpu"


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def cpu_files(number: int, siblings: str, package: int, cache: str) -> dict[str, str]:
    directory = f"{CPU}/cpu{number}"
    return {
        f"{directory}/topology/core_cpus_list": siblings,
        f"{directory}/topology/physical_package_id": str(package),
        f"{directory}/cache/index0/level": "1",
        f"{directory}/cache/index0/shared_cpu_list": siblings,
        f"{directory}/cache/index3/level": "3",
        f"{directory}/cache/index3/shared_cpu_list": cache,
    }


def test_the_cpus_of_this_machine_are_those_we_may_use() -> None:
    found = read_topology()
    running = {int(number) for number in re.findall(r"^processor\s*: (\d+)", CPU_INFO.read_text(), re.MULTILINE)}
    assert found.online == running
    assert list(found.numbers) == sorted(os.sched_getaffinity(0))
    assert all(cpu.number in cpu.siblings and set(cpu.siblings) <= found.present for cpu in found.cpus)


def test_siblings_caches_nodes_and_packages_are_read(tmp_path: Path) -> None:
    sys = tree(
        tmp_path,
        {
            f"{CPU}/online": "0-3",
            "devices/system/node/node0/cpulist": "0,2",
            "devices/system/node/node1/cpulist": "1,3",
            **cpu_files(0, "0,2", 0, "0-3"),
            **cpu_files(2, "0,2", 0, "0-3"),
            **cpu_files(1, "1,3", 1, "0-3"),
            **cpu_files(3, "1,3", 1, "0-3"),
        },
    )
    found = read_topology(sys, allowed=[0, 2, 3])
    assert found.cpus == (
        Cpu(0, core=0, package=0, node=0, llc=0, siblings=(0, 2)),
        Cpu(2, core=0, package=0, node=0, llc=0, siblings=(0, 2)),
        Cpu(3, core=1, package=1, node=1, llc=0, siblings=(1, 3)),
    )
    assert found.online == {0, 1, 2, 3}


def test_an_offline_cpu_is_left_out(tmp_path: Path) -> None:
    sys = tree(tmp_path, {f"{CPU}/online": "0,2-3"})
    assert read_topology(sys, allowed=range(4)).numbers == (0, 2, 3)


def test_without_any_file_the_allowed_cpus_are_cores_of_their_own(tmp_path: Path) -> None:
    found = read_topology(tmp_path, allowed=[4, 1])
    assert found.cpus == (Cpu(1, core=1, siblings=(1,)), Cpu(4, core=4, siblings=(4,)))
    assert found.cpus[0].home == (UNKNOWN, UNKNOWN, UNKNOWN)


def test_a_mask_hides_cpus_that_the_cpuset_has_and_that_can_be_asked_for(tmp_path: Path) -> None:
    sys = tree(tmp_path, {f"{CPU}/online": "0-2", f"{CPU}/present": "0-3", f"{CPU}/isolated": "1"})
    found = read_topology(sys, allowed=[0], reachable=[0, 1, 3])
    assert found.numbers == (0,)
    assert found.reachable == (0, 1)
    assert found.isolated == {1}
    assert found.present == {0, 1, 2, 3}


def test_the_kernel_says_what_the_cpuset_allows_and_the_affinity_is_as_before() -> None:
    before = os.sched_getaffinity(0)
    whole = read_topology()
    os.sched_setaffinity(0, {min(before)})
    try:
        found = read_topology()
        assert os.sched_getaffinity(0) == {min(before)}
    finally:
        os.sched_setaffinity(0, before)
    assert found.numbers == (min(before),)
    assert found.reachable == whole.reachable


def test_old_kernels_name_siblings_otherwise(tmp_path: Path) -> None:
    sys = tree(tmp_path, {f"{CPU}/online": "0-1", f"{CPU}/cpu1/topology/thread_siblings_list": "0-1"})
    assert read_topology(sys, allowed=[1]).cpus[0].siblings == (0, 1)


def test_performance_and_efficiency_cores_are_told_apart_by_frequency(tmp_path: Path) -> None:
    limits = {0: 5_000_000, 1: 5_000_000, 2: 4_000_000}
    files = {f"{CPU}/cpu{n}/cpufreq/cpuinfo_max_freq": str(khz) for n, khz in limits.items()}
    same = {f"{CPU}/cpu{n}/cpu_capacity": "1024" for n in limits}
    found = read_topology(tree(tmp_path, {**files, **same}), allowed=limits)
    assert [cpu.speed for cpu in found.cpus] == [1.0, 1.0, 0.8]
    assert not found.cpus[0].is_equal_speed(found.cpus[2])


def test_big_and_little_cores_are_told_apart_by_capacity(tmp_path: Path) -> None:
    sys = tree(tmp_path, {f"{CPU}/cpu0/cpu_capacity": "512", f"{CPU}/cpu1/cpu_capacity": "1024"})
    assert [cpu.speed for cpu in read_topology(sys, allowed=[0, 1]).cpus] == [0.5, 1.0]
