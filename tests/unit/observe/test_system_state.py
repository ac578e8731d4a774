"""How a machine is set and how quiet its CPUs are: read from a machine in a directory, judged from data."""

import gzip
from itertools import accumulate
from pathlib import Path

import pytest

from harness.observe.host.facts import SystemState, read_system_state
from harness.observe.host.noise import GAP_NS, OsNoise, clock_gaps
from harness.session.doctor import osnoise_findings, rights_finding, system_state_findings, tuning_finding
from harness.testbed.machine.procfs import Roots

FILES = {
    "proc/1/comm": "systemd",
    "proc/70/comm": "irqbalance",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet",
    "sys/devices/system/cpu/cpu0/cpuidle/state0/name": "POLL",
    "sys/devices/system/cpu/cpu0/cpuidle/state0/latency": "0",
    "sys/devices/system/cpu/cpu0/cpuidle/state1/name": "C6",
    "sys/devices/system/cpu/cpu0/cpuidle/state1/latency": "133",
    "sys/devices/system/cpu/cpu0/cpuidle/state2/name": "C10",
    "sys/devices/system/cpu/cpu0/cpuidle/state2/latency": "890",
    "sys/devices/system/cpu/cpu0/cpuidle/state2/disable": "1",
    "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never",
    "sys/module/haltpoll/parameters/guest_halt_poll_ns": "0",
}


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_HZ_250=y\nCONFIG_HZ=250\n"))
    return Roots(tmp_path)


def test_what_the_kernel_shows_is_read(roots: Roots) -> None:
    assert read_system_state(roots) == SystemState(
        clock="hpet",
        timer_hz=250,
        idle_exit_us={"POLL": 0, "C6": 133},
        halt_poll_ns=0,
        huge_pages="always",
        services=("irqbalance",),
    )


def test_the_config_of_boot_does_where_proc_has_none(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/config-6.1").write_text("CONFIG_HZ=1000\n")
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("6.1\n")
    assert read_system_state(Roots(tmp_path)).timer_hz == 1000


def test_where_nothing_is_shown_nothing_is_said(tmp_path: Path) -> None:
    assert list(system_state_findings(read_system_state(Roots(tmp_path)))) == []


def test_every_loud_circumstance_is_a_doubt_with_a_way_out(roots: Roots) -> None:
    findings = {finding.subject: finding for finding in system_state_findings(read_system_state(roots))}
    assert {subject for subject, finding in findings.items() if finding.state == "doubt"} == {
        "clock", "idle states", "halt polling", "huge pages", "services",
    }  # fmt: skip
    assert all(finding.advice for finding in findings.values() if finding.state == "doubt")
    assert findings["timer"].seen == "250 ticks a second (CONFIG_HZ)"


def test_a_quiet_machine_is_in_no_doubt() -> None:
    quiet = SystemState("tsc", 1000, {"POLL": 0, "C1": 2}, 200_000, "madvise", ())
    assert {finding.state for finding in system_state_findings(quiet)} == {"ok"}


def test_gaps_are_what_lies_between_readings_of_the_clock() -> None:
    steps = [100, 100, GAP_NS, 100, GAP_NS - 1, 3 * GAP_NS, 100]
    times = iter([0, *accumulate(steps)])
    assert clock_gaps(sum(steps), lambda: next(times)) == [GAP_NS, 3 * GAP_NS]


@pytest.mark.parametrize(
    ("lost_us", "longest_us", "state"), [(9_900, 100, "ok"), (10_100, 100, "doubt"), (9_900, 10_001, "doubt")]
)
def test_a_cpu_that_others_take_is_in_doubt(lost_us: float, longest_us: float, state: str) -> None:
    [finding] = osnoise_findings([OsNoise(cpu=3, seconds=1.0, count=7, lost_us=lost_us, longest_us=longest_us)])
    assert (finding.state, bool(finding.advice)) == (state, state == "doubt")
    assert "CPU 3" in finding.seen
    assert "7 gaps" in finding.seen


def test_what_tuning_would_gain_and_what_it_cannot() -> None:
    assert tuning_finding([], {}).state == "ok"
    finding = tuning_finding(["thp.enabled from always to madvise"], {"cpu.boost": "not available on this machine"})
    assert finding.seen == "barehop tune would set thp.enabled from always to madvise; cannot set cpu.boost"
    assert "barehop tune -- barehop run" in finding.advice


@pytest.mark.parametrize(
    ("who", "own_networks", "state", "seen"),
    [
        ("root", True, "ok", "all settings"),
        ("an ordinary user", True, "ok", "no host-wide settings"),
        ("an ordinary user", False, "doubt", "without network namespaces"),
        ("root", False, "doubt", "without network namespaces"),
    ],
)
def test_what_may_be_set_follows_from_the_rights(who: str, own_networks: bool, state: str, seen: str) -> None:
    finding = rights_finding(who, own_networks=own_networks)
    assert finding.state == state
    assert seen in finding.seen
