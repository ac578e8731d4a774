"""Changed settings, speeds, heat, and what containers bring along become doubts about a session."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import Doubt
from harness.observe.doubts.context import Context
from harness.observe.doubts.cpus import read_speeds, speed_doubts
from harness.observe.doubts.network import bare_network_doubts
from harness.observe.doubts.system import setting_doubts
from harness.observe.host.facts import host_facts
from harness.testbed.machine.procfs import Roots
from tests.support.fake_machine import Machine, doubted, doubted_after, quiet_machine

CPU0, CPU1 = "sys/devices/system/cpu/cpu0", "sys/devices/system/cpu/cpu1"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return quiet_machine(tmp_path)


def begun(machine: Machine) -> Context:
    """The scene of a run that has written down its host."""
    return replace(machine.scene, host=host_facts({}, Roots(machine.top)))


def settings_doubted(machine: Machine, scene: Context, name: str, value: str) -> list[Doubt]:
    return doubted_after(setting_doubts, scene, lambda: machine.write(name, value))


def test_settings_that_stay_are_no_doubt(machine: Machine) -> None:
    assert doubted_after(setting_doubts, begun(machine)) == []


def test_a_kernel_setting_that_somebody_changed_is_named_with_both_values(machine: Machine) -> None:
    (doubt,) = settings_doubted(machine, begun(machine), "proc/sys/net/ipv4/tcp_sack", "0\n")
    assert doubt.kind == "settings"
    assert doubt.seen == "net.ipv4.tcp_sack was 1 when the run began and is 0 now."


def test_a_change_between_two_sessions_is_seen_by_the_second(machine: Machine) -> None:
    scene = begun(machine)
    machine.write("proc/sys/net/core/somaxconn", "128\n")
    assert len(doubted_after(setting_doubts, scene)) == 1


def test_a_setting_that_vanished_is_doubted(machine: Machine) -> None:
    scene = begun(machine)
    (machine.top / "proc/sys/vm/swappiness").unlink()
    (doubt,) = doubted_after(setting_doubts, scene)
    assert doubt.seen.endswith("is not readable now.")


def test_a_knob_of_the_run_itself_is_not_somebody_elses_change(machine: Machine) -> None:
    scene = replace(begun(machine), knobs=frozenset({"net.ipv4.tcp_sack"}))
    assert settings_doubted(machine, scene, "proc/sys/net/ipv4/tcp_sack", "0\n") == []


def test_what_the_kernel_changes_by_itself_is_no_doubt(machine: Machine) -> None:
    rate = "proc/sys/kernel/perf_event_max_sample_rate"
    machine.write(rate, "100000\n")
    assert settings_doubted(machine, begun(machine), rate, "50000\n") == []


def test_another_clock_source_is_doubted(machine: Machine) -> None:
    source = "sys/devices/system/clocksource/clocksource0/current_clocksource"
    (doubt,) = settings_doubted(machine, begun(machine), source, "hpet\n")
    assert (doubt.kind, doubt.seen) == ("settings", "the clock source was tsc when the run began and is hpet now.")


def test_a_run_without_facts_of_its_host_has_nothing_to_compare(machine: Machine) -> None:
    assert settings_doubted(machine, machine.scene, "proc/sys/net/ipv4/tcp_sack", "0\n") == []


def speeds_doubted(machine: Machine, name: str, value: int) -> list[Doubt]:
    return doubted(read_speeds, speed_doubts, machine.scene, lambda: machine.write(name, f"{value}\n"))


@pytest.mark.parametrize(("khz", "kinds"), [(2_720_000, []), (2_719_000, ["frequency"]), (4_300_000, ["frequency"])])
def test_a_cpu_that_changed_its_speed_by_more_than_a_fifth_is_doubted(
    machine: Machine, khz: int, kinds: list[str]
) -> None:
    found = speeds_doubted(machine, f"{CPU1}/cpufreq/scaling_cur_freq", khz)
    assert [doubt.kind for doubt in found] == kinds
    assert all("CPU 1 ran at 3400 MHz first" in doubt.seen for doubt in found)


@pytest.mark.parametrize(("count", "now"), [("core", 3), ("package", 6)])
def test_heat_that_slowed_a_cpu_once_is_doubted(machine: Machine, count: str, now: int) -> None:
    (doubt,) = speeds_doubted(machine, f"{CPU0}/thermal_throttle/{count}_throttle_count", now)
    assert (doubt.kind, doubt.seen) == ("throttled", "The CPUs were throttled 1 times because they were too hot.")


def test_other_cpus_than_ours_may_run_as_they_like(machine: Machine) -> None:
    other = "sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq"
    machine.write(other, "3400000\n")
    assert speeds_doubted(machine, other, 800_000) == []


def bare_doubted(machine: Machine) -> list[Doubt]:
    return doubted_after(bare_network_doubts, machine.scene)


def interface(machine: Machine, name: str, index: int, link: int, state: str) -> None:
    for file, value in {"ifindex": index, "iflink": link, "operstate": state}.items():
        machine.write(f"sys/class/net/{name}/{file}", f"{value}\n")


def test_an_idle_docker_bridge_a_vlan_and_loaded_modules_leave_a_baseline_bare(machine: Machine) -> None:
    assert bare_doubted(machine) == []


def test_one_tracked_connection_is_a_doubt(machine: Machine) -> None:
    machine.write("proc/sys/net/netfilter/nf_conntrack_count", "1\n")
    (doubt,) = bare_doubted(machine)
    assert (doubt.kind, doubt.seen) == ("conntrack", "The kernel tracks connections here, 1 of them.")


def test_interfaces_of_running_containers_are_named(machine: Machine) -> None:
    machine.write("sys/class/net/docker0/operstate", "up\n")
    interface(machine, "veth1f", 7, 6, "up")
    interface(machine, "veth2f", 9, 8, "down")
    (doubt,) = bare_doubted(machine)
    assert doubt.kind == "containers"
    assert doubt.seen.endswith("are up: docker0 (bridge), veth1f (veth).")


def test_packet_filters_are_named(machine: Machine) -> None:
    machine.write("proc/self/net/ip_tables_names", "filter\nnat\n")
    machine.write("sys/module/nf_tables/refcnt", "3\n")
    (doubt,) = bare_doubted(machine)
    assert doubt.kind == "filter"
    assert "the table filter of iptables, the table nat of iptables, nf_tables with modules" in doubt.seen


def test_who_asks_for_a_network_of_containers_is_not_told_that_it_is_none_of_a_bare_machine(machine: Machine) -> None:
    machine.write("proc/sys/net/netfilter/nf_conntrack_count", "100\n")
    scene = replace(machine.scene, bare=False)
    assert doubted_after(bare_network_doubts, scene) == []
