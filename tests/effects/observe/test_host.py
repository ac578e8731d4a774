import gzip
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.observe.host.cpus import virtual_facts
from harness.observe.host.facts import host_facts, limit_facts, network_facts, read_sysctls
from harness.observe.host.serving import hide_home, program_versions
from harness.testbed.machine.procfs import Roots


def machine(root: Path, files: Mapping[str, str]) -> Roots:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return Roots(root)


def test_the_facts_of_this_machine_are_json_and_do_not_name_it() -> None:
    facts = host_facts({})
    text = json.dumps(facts)
    assert facts["kernel"]["release"] == os.uname().release
    assert facts["cpus"]["topology"]
    assert facts["sysctls"]["net.core.somaxconn"]
    assert facts["python"]["distributions"]["gunicorn"]
    assert f'"{os.uname().nodename}"' not in text


def test_an_empty_machine_has_empty_facts_and_fails_nothing(tmp_path: Path) -> None:
    facts = host_facts({}, Roots(tmp_path))
    assert facts["virtual"] == {"machine": None, "container": None, "signs": []}
    assert (facts["sysctls"], facts["kernel"]["config_sha256"]) == ({}, None)
    assert {mount["mount_point"] for mount in facts["mounts"].values()} == {"unknown"}


def test_the_kernel_is_told_without_its_builder_and_without_names(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {
            "proc/version": "Linux version 6.1.0 (bob@buildhost) (gcc 12) #1 SMP",
            "proc/cmdline": "quiet ip=10.0.0.1::::web7 mitigations=off root=UUID=1 -- secret",
            "proc/sys/kernel/osrelease": "6.1.0",
            "etc/os-release": 'NAME=X\nPRETTY_NAME="X Linux 1"',
            "boot/config-6.1.0": "CONFIG_PSI=y",
        },
    )
    facts = host_facts({}, roots)
    assert facts["kernel"]["version"] == "Linux version 6.1.0 (gcc 12) #1 SMP"
    assert facts["kernel"]["command_line"] == "quiet mitigations=off"
    assert facts["kernel"]["config_sha256"] == hashlib.sha256(b"CONFIG_PSI=y").hexdigest()
    assert facts["system"] == "X Linux 1"


def test_the_kernels_configuration_has_one_hash_wherever_it_lies(tmp_path: Path) -> None:
    boot = machine(tmp_path / "a", {"proc/sys/kernel/osrelease": "6", "boot/config-6": "CONFIG_PSI=y"})
    built_in = machine(tmp_path / "b", {"proc/sys/kernel/osrelease": "6"})
    (built_in.proc / "config.gz").write_bytes(gzip.compress(b"CONFIG_PSI=y\n"))
    hashes = {host_facts({}, roots)["kernel"]["config_sha256"] for roots in (boot, built_in)}
    assert len(hashes) == 1
    assert hashes != {None}


def identity(root: Path, machine_id: str, files: Mapping[str, str] | None = None) -> Mapping[str, object]:
    boot = {"proc/sys/kernel/random/boot_id": "0bd7b4f4-4b7c-4204-af78-9f978ffc7d8e"}
    return host_facts({}, machine(root, {"etc/machine-id": machine_id, **boot, **(files or {})}))["identity"]


def test_the_identity_of_a_machine_is_the_same_each_time_another_elsewhere_and_does_not_tell_its_id(
    tmp_path: Path,
) -> None:
    ids = ["3d1219c7c4c5404aaa1f6d2a48adfda4", "4d1219c7c4c5404aaa1f6d2a48adfda4"]
    first, again, other = (identity(tmp_path / str(i), ids[i == 2]) for i in range(3))

    assert first == again
    assert first["machine"] != other["machine"]
    assert first["boot"] == other["boot"]
    assert not any(str(value) in ids[0] for value in first.values())
    assert all(len(str(value)) == 16 for value in first.values())


def test_a_container_or_an_unset_id_is_no_identity_of_the_machine(tmp_path: Path) -> None:
    contained = identity(tmp_path / "a", "3d1219c7c4c5404aaa1f6d2a48adfda4", {".dockerenv": ""})
    unset = identity(tmp_path / "b", "uninitialized")

    assert (contained["machine"], unset["machine"]) == (None, None)
    assert contained["boot"] == unset["boot"] is not None


def test_memory_is_in_bytes(tmp_path: Path) -> None:
    roots = machine(tmp_path, {"proc/meminfo": "MemTotal:  2048 kB\nSwapTotal: 1 kB\nHugePages_Total: 0"})
    memory = host_facts({}, roots)["memory"]
    assert (memory["total_bytes"], memory["swap_bytes"]) == (2_097_152, 1024)


def test_equal_frequency_policies_are_one_entry(tmp_path: Path) -> None:
    policy = "sys/devices/system/cpu/cpufreq/policy"
    files = {f"{policy}{n}/scaling_governor": "powersave" if n else "performance" for n in range(3)}
    related = {f"{policy}{n}/related_cpus": f"{2 * n} {2 * n + 1}" for n in range(3)}
    facts = host_facts({}, machine(tmp_path, {**files, **related}))
    assert facts["cpus"]["frequency"] == [
        {"cpus": "0-1", "scaling_governor": "performance"},
        {"cpus": "2-5", "scaling_governor": "powersave"},
    ]


def test_unlike_cores_of_an_arm_machine_are_two_models(tmp_path: Path) -> None:
    parts = ("0xd05", "0xd05", "0xd0b")
    text = "\n\n".join(f"processor : {n}\nCPU part\t: {part}" for n, part in enumerate(parts))
    facts = host_facts({}, machine(tmp_path, {"proc/cpuinfo": text}))
    assert facts["cpus"]["models"] == [{"CPU part": "0xd05"}, {"CPU part": "0xd0b"}]


def test_secrets_among_the_kernel_settings_are_left_out(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {
            "proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456",
            "proc/sys/net/ipv4/tcp_fastopen_key": "1-2-3-4",
            "proc/sys/kernel/hostname": "web7",
        },
    )
    assert read_sysctls(roots.proc) == {"net.ipv4.tcp_rmem": "4096 131072 6291456"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/cpuinfo": "processor: 0\nflags: fpu hypervisor"}, ("unknown", None)),
        ({"proc/cpuinfo": "processor: 0\nflags: fpu", "sys/class/dmi/id/sys_vendor": "Amazon EC2"}, (None, None)),
        (
            {"proc/cpuinfo": "processor: 0\nflags: hypervisor", "sys/class/dmi/id/sys_vendor": "VMware, Inc."},
            ("vmware", None),
        ),
        (
            {"proc/cpuinfo": "processor: 0\nFeatures: fp", "sys/class/dmi/id/sys_vendor": "Amazon EC2"},
            ("kvm", None),
        ),
        (
            {
                "proc/cpuinfo": "processor: 0\nFeatures: fp",
                "sys/class/dmi/id/sys_vendor": "Amazon EC2",
                "sys/class/dmi/id/product_name": "c7g.metal",
            },
            (None, None),
        ),
        ({"proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, ("kvm", None)),
        ({"sys/hypervisor/type": "xen"}, ("xen", None)),
        ({"proc/sys/kernel/osrelease": "5.15-microsoft-standard-WSL2"}, ("wsl", None)),
        ({".dockerenv": ""}, (None, "docker")),
        ({"proc/1/cgroup": "0::/kubepods/burstable/pod1"}, (None, "kubepods")),
        ({"run/systemd/container": "lxc"}, (None, "lxc")),
    ],
)
def test_what_runs_below_is_recognised(
    tmp_path: Path, files: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    facts = virtual_facts(machine(tmp_path, files))
    assert (facts["machine"], facts["container"]) == expected
    assert bool(facts["signs"]) == any(expected)


def test_the_narrowest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {
            "proc/self/mountinfo": "30 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
            "proc/self/cgroup": "0::/slice/job",
            "sys/fs/cgroup/slice/job/cpu.max": "200000 100000",
            "sys/fs/cgroup/slice/cpu.max": "25000 100000",
            "sys/fs/cgroup/slice/job/memory.max": "max",
        },
    )
    facts = limit_facts(roots)
    assert (facts["cpu_limit"], facts["memory_limit_bytes"]) == (0.25, None)


def test_limits_of_version_1_are_found_where_a_container_sees_them(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {
            "proc/self/mountinfo": "30 1 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup none rw,cpu\n"
            "31 1 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            "32 1 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc/job\n3:memory:/job\n0::/",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1048576",
        },
    )
    facts = limit_facts(roots)
    assert (facts["cpu_limit"], facts["memory_limit_bytes"]) == (0.5, 1_048_576)
    assert facts["mounts"]["/sys/fs/cgroup/unified"] == "cgroup2"


def test_version_1_writes_no_limit_as_minus_one_and_as_a_huge_number(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {
            "proc/self/mountinfo": "31 1 0:31 / /sys/fs/cgroup/all rw - cgroup none rw,cpu,memory",
            "proc/self/cgroup": "3:cpu,memory:/",
            "sys/fs/cgroup/all/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/all/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    facts = limit_facts(roots)
    assert (facts["cpu_limit"], facts["memory_limit_bytes"]) == (None, None)


def test_bridges_pairs_and_connection_tracking_are_noticed(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {
            "sys/class/net/lo/mtu": "65536",
            "sys/class/net/docker0/bridge/stp_state": "0",
            "sys/class/net/veth1/ifindex": "7",
            "sys/class/net/veth1/iflink": "8",
            "sys/class/net/eth0/device/vendor": "1",
            "sys/class/net/bonding_masters": "",
            "sys/module/nf_conntrack/refcnt": "1",
            "proc/sys/net/bridge/bridge-nf-call-iptables": "1",
            "proc/sys/net/netfilter/nf_conntrack_count": "12",
        },
    )
    facts = network_facts(roots)
    kinds = {name: interface["kind"] for name, interface in facts["interfaces"].items()}
    assert kinds == {"lo": "loopback", "docker0": "bridge", "veth1": "veth", "eth0": "device"}
    assert facts["loaded"] == ["nf_conntrack", "br_netfilter"]
    assert facts["conntrack_entries"] == 12


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_versions_are_asked_of_the_programs_themselves(tmp_path: Path) -> None:
    nginx = script(tmp_path / "nginx", 'echo "nginx version: $1" >&2; echo second >&2')
    other = script(tmp_path / "other", 'echo "first $1"; echo second; echo "a warning" >&2')
    programs = {"/opt/web": [nginx, "-V"], "other": [other, "--version"], "k6": [other, "version"], "rate": [other]}
    assert program_versions(programs) == {
        "/opt/web": "nginx version: -V\nsecond",
        "other": "first --version",
        "k6": "first version",
        "rate": f"{other} has no option that prints a version.",
    }


def test_a_program_that_fails_or_is_missing_becomes_a_sentence() -> None:
    found = program_versions(
        {"a": ["/nowhere/nginx", "--version"], "b": [sys.executable, "-c", "raise SystemExit('broken')"]}
    )
    assert found["a"] == "/nowhere/nginx --version could not be run: No such file or directory."
    assert found["b"].endswith("failed with exit code 1: broken")


def test_home_directories_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/data/bob")
    assert hide_home("--prefix=/data/bob/nginx /home/alice/x /data/bobby") == "--prefix=~/nginx ~/x /data/bobby"
