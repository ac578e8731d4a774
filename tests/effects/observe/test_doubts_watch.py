"""A whole session is watched: nothing is missed on a bad machine, nothing invented on a quiet or an unknown one."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import Doubt
from harness.observe.doubts.context import Context
from harness.observe.doubts.watch import start_watch
from harness.observe.host.facts import host_facts
from harness.testbed.machine.procfs import Roots
from tests.support.fake_machine import APP, STRANGER, Machine, nginx_logs, quiet_machine

EVERY_KIND = {
    "affinity",
    "backlog",
    "busy",
    "conntrack",
    "containers",
    "filter",
    "frequency",
    "lock",
    "overflow",
    "ports",
    "preempted",
    "pressure",
    "quota",
    "retransmits",
    "settings",
    "steal",
    "strictatime",
    "swap",
    "throttled",
}
REFUSED = "connect() to unix:/x/hop.sock failed (11: Resource temporarily unavailable) while connecting to upstream\n"


@pytest.fixture(autouse=True)
def no_other_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAREHOP_LOCK", raising=False)


def scene_on(machine: Machine) -> Context:
    return replace(
        machine.scene,
        logs=nginx_logs(machine, "nginx.log"),
        socket_directories=(machine.top,),
        host=host_facts({}, Roots(machine.top)),
    )


def idle_doubts(scene: Context) -> tuple[Doubt, ...]:
    """Of a session in which nothing happened. The client of a real one waits for its answers."""
    ended = start_watch(scene)
    time.sleep(0.3)
    return ended(1000)


def ruin(machine: Machine) -> None:
    machine.change(f"proc/{APP}/task/{APP}/status", r"^Cpus_allowed_list:.*$", "Cpus_allowed_list:\t0-1")
    machine.change(f"proc/{APP}/status", r"^nonvoluntary.*$", "nonvoluntary_ctxt_switches:\t9999")
    machine.write("nginx.log", REFUSED)
    machine.write("proc/locks", "1: FLOCK  ADVISORY  WRITE 9 00:04:4026531834 0 EOF\n")
    machine.change(f"proc/{STRANGER}/stat", "310 95 0 0 20", "900 95 0 0 20")
    machine.change("proc/stat", r"^cpu .*$", "cpu  348923 0 84105 495493 7999 0 7866 2320 0 0")
    machine.change("proc/pressure/cpu", "total=746083772", "total=996083772")
    machine.change("proc/vmstat", r"^pswpout \d+$", "pswpout 5000")
    machine.write("proc/sys/net/netfilter/nf_conntrack_count", "12\n")
    machine.write("proc/self/net/ip_tables_names", "nat\n")
    machine.write("proc/sys/net/ipv4/tcp_timestamps", "0\n")
    machine.write("sys/class/net/docker0/operstate", "up\n")
    machine.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "800000\n")
    machine.write("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "90\n")
    machine.write("sys/fs/cgroup/cpu/cpu.stat", "nr_throttled 40\n")
    machine.change("proc/self/net/sockstat", r"tw \d+", "tw 20000")
    machine.change("proc/self/mountinfo", r"^27 1 254:0 / / rw,relatime", "27 1 254:0 / / rw")
    machine.count_up("proc/self/net/netstat", "TcpExt", "ListenDrops", 7)
    machine.count_up("proc/self/net/snmp", "Tcp", "RetransSegs", 7)


def test_a_quiet_machine_raises_no_doubt(tmp_path: Path) -> None:
    assert idle_doubts(scene_on(quiet_machine(tmp_path))) == ()


def test_a_machine_that_shows_nothing_of_itself_raises_no_doubt(tmp_path: Path) -> None:
    assert idle_doubts(scene_on(Machine(tmp_path))) == ()


def test_a_machine_on_which_everything_goes_wrong_raises_every_doubt_with_full_sentences(tmp_path: Path) -> None:
    machine = quiet_machine(tmp_path)
    ended = start_watch(scene_on(machine))
    ruin(machine)
    found = [doubt for doubt in ended(1000) if doubt.kind != "client-bound"]
    assert {doubt.kind for doubt in found} == EVERY_KIND
    assert all(doubt.seen.endswith(".") and doubt.advice.endswith(".") for doubt in found)
    assert len({doubt.advice for doubt in found}) == len(EVERY_KIND)


def test_this_very_machine_can_be_watched() -> None:
    found = start_watch(Context(host=host_facts({})))(1)
    assert {doubt.kind for doubt in found} <= EVERY_KIND | {"client-bound"}
    assert "settings" not in {doubt.kind for doubt in found}
