"""TCP's counters, TIME_WAIT and nginx's log become doubts just above their thresholds, and not below."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import Doubt
from harness.observe.doubts.network import network_doubts, read_networks, read_upstream_errors, upstream_doubts
from harness.observe.doubts.system import strictatime_doubts
from harness.testbed.machine.procfs import Roots
from tests.support.fake_machine import Machine, doubted, doubted_after, nginx_logs, quiet_machine

PORTS = 60999 - 32768 + 1

STARTING = (
    "2026/11/23 02:06:31 [crit] 140#140: *1 connect() to unix:/dev/shm/barehop-1/hop.sock failed "
    "(2: No such file or directory) while connecting to upstream, client: 127.0.0.1, server: _\n"
)
FULL = (
    "2026/11/23 02:06:32 [error] 140#140: *4 connect() to unix:/dev/shm/barehop-1/hop.sock failed "
    "(11: Resource temporarily unavailable) while connecting to upstream, client: 127.0.0.1, server: , "
    'request: "GET / HTTP/1.1", upstream: "http://unix:/dev/shm/barehop-1/hop.sock:/", host: "127.0.0.1:18099"\n'
)
NO_PORT = (
    "2026/11/23 02:06:34 [crit] 156#156: *1 connect() to 127.0.0.1:18100 failed (99: Cannot assign requested address) "
    'while connecting to upstream, client: 127.0.0.1, server: , request: "GET /n HTTP/1.0"\n'
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return quiet_machine(tmp_path)


def sockets_doubted(machine: Machine, table: str = "", counter: str = "", by: int = 0, sent: int = 0) -> list[Doubt]:
    def meanwhile() -> None:
        machine.count_up("proc/self/net/snmp", "Tcp", "OutSegs", sent)
        if table == "TcpExt":
            machine.count_up("proc/self/net/netstat", table, counter, by)
        elif table:
            machine.count_up("proc/self/net/snmp", table, counter, by)

    return doubted(read_networks, network_doubts, machine.scene, meanwhile)


@pytest.mark.parametrize("counter", ["ListenOverflows", "ListenDrops"])
def test_one_full_accept_queue_is_doubted(machine: Machine, counter: str) -> None:
    (doubt,) = sockets_doubted(machine, "TcpExt", counter, by=1)
    assert doubt.kind == "overflow"
    assert doubt.seen.startswith("1 TCP connections found a full accept queue")


def test_an_overflow_that_is_counted_as_a_drop_too_is_told_once(machine: Machine) -> None:
    def meanwhile() -> None:
        machine.count_up("proc/self/net/netstat", "TcpExt", "ListenOverflows", 3)
        machine.count_up("proc/self/net/netstat", "TcpExt", "ListenDrops", 3)

    (doubt,) = doubted(read_networks, network_doubts, machine.scene, meanwhile)
    assert doubt.seen.startswith("3 TCP connections")


def test_traffic_without_loss_raises_no_doubt(machine: Machine) -> None:
    assert sockets_doubted(machine, sent=20_000) == []


def test_one_segment_in_a_thousand_sent_again_is_no_doubt_and_more_is(machine: Machine) -> None:
    assert sockets_doubted(machine, "Tcp", "RetransSegs", by=20, sent=20_000) == []
    (doubt,) = sockets_doubted(machine, "Tcp", "RetransSegs", by=21, sent=20_000)
    assert doubt.kind == "retransmits"
    assert doubt.seen.startswith("21 TCP segments were retransmitted, 0.1 %")


@pytest.mark.parametrize("setting", ["tcp_tw_reuse", "tcp_timestamps"])
def test_ports_in_time_wait_are_doubted_above_a_fifth_where_none_may_be_used_again(
    machine: Machine, setting: str
) -> None:
    machine.write(f"proc/sys/net/ipv4/{setting}", "0\n")
    machine.change("proc/self/net/sockstat", r"tw \d+", f"tw {PORTS // 5}")
    assert sockets_doubted(machine) == []
    machine.change("proc/self/net/sockstat", r"tw \d+", f"tw {PORTS // 5 + 1}")
    (doubt,) = sockets_doubted(machine)
    assert doubt.kind == "ports"
    assert str(PORTS) in doubt.seen


@pytest.mark.parametrize("reuse", ["1", "2"])
def test_ports_that_may_be_used_again_do_not_run_out(machine: Machine, reuse: str) -> None:
    machine.write("proc/sys/net/ipv4/tcp_tw_reuse", f"{reuse}\n")
    machine.change("proc/self/net/sockstat", r"tw \d+", f"tw {3 * PORTS}")
    assert sockets_doubted(machine) == []


def test_a_machine_that_shows_no_sockets_raises_no_doubt(tmp_path: Path) -> None:
    scene = replace(Machine(tmp_path).scene, roots=Roots(tmp_path))
    assert doubted(read_networks, network_doubts, scene, lambda: None) == []


def log_doubted(machine: Machine, before: str, after: str) -> list[Doubt]:
    machine.write("nginx.log", before)
    scene = replace(machine.scene, logs=nginx_logs(machine, "nginx.log", "missing.log"))
    return doubted(read_upstream_errors, upstream_doubts, scene, lambda: machine.write("nginx.log", before + after))


def test_what_nginx_logged_before_the_visits_is_no_doubt(machine: Machine) -> None:
    assert log_doubted(machine, before=STARTING + FULL + NO_PORT, after="") == []


def test_errors_that_have_a_failed_request_to_tell_them_are_no_doubt_of_their_own(machine: Machine) -> None:
    assert log_doubted(machine, before="", after=STARTING) == []


def test_each_full_backlog_of_a_unix_socket_is_counted(machine: Machine) -> None:
    (doubt,) = log_doubted(machine, before=FULL, after=FULL + FULL)
    assert doubt.kind == "backlog"
    assert "full backlog 2 times" in doubt.seen


def test_a_long_log_is_read_up_to_a_limit_line_by_line(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.observe.doubts.network.MAX_LOG_BYTES", 1 << 20)
    machine.write("nginx.log", FULL + "x" * (2 << 20) + "\n" + FULL)
    scene = replace(machine.scene, logs=nginx_logs(machine, "nginx.log"))
    assert read_upstream_errors(scene).total() == 1


def test_a_port_that_nginx_did_not_find_is_a_doubt(machine: Machine) -> None:
    (doubt,) = log_doubted(machine, before=STARTING, after=NO_PORT)
    assert (doubt.kind, "1 times" in doubt.seen) == ("ports", True)


@pytest.mark.parametrize(
    ("kind", "options", "kinds"),
    [
        ("ext4", "rw", ["strictatime"]),
        ("ext4", "rw,relatime", []),
        ("xfs", "rw,noatime", []),
        ("tmpfs", "rw,nosuid", []),  # as systemd mounts /dev/shm
    ],
)
def test_a_socket_is_doubted_where_every_connect_is_noted_on_a_disk(
    machine: Machine, kind: str, options: str, kinds: list[str]
) -> None:
    directory = machine.top / "sockets"
    directory.mkdir()
    with (machine.top / "proc/self/mountinfo").open("a") as table:
        table.write(f"63 27 254:0 /x {directory} {options} - {kind} /dev/vda rw,discard\n")
    scene = replace(machine.scene, socket_directories=(directory,))
    found = doubted_after(strictatime_doubts, scene)
    assert [doubt.kind for doubt in found] == kinds
    assert all(str(directory) in doubt.seen for doubt in found)


def test_without_a_mount_table_no_socket_is_doubted(tmp_path: Path) -> None:
    scene = replace(Machine(tmp_path).scene, socket_directories=(tmp_path,))
    assert doubted_after(strictatime_doubts, scene) == []
