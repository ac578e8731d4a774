"""A counter reader keeps its files open, reads them as bytes, and says what it cannot read."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.observe.counters import IPV6_FILE, open_counters, uncounted_by
from harness.testbed.machine.directories import can_listen
from harness.testbed.machine.procfs import Roots

SCHEDSTAT = "self/task/77/schedstat"
BUSY = "import sys\nfor line in sys.stdin: sum(range(2_000_000)); print(line, end='', flush=True)"


def fake_machine(top: Path) -> Roots:
    """One nginx, pid 77, as far as a kernel without schedstat and PSI shows it."""
    task = top / "proc/77/task/77"
    task.mkdir(parents=True)
    (task / "stat").write_text("77 (nginx) S 1 1 1 0 -1 0 0 0 0 0 5 7 0 0 20 0 1 0 0 0 0\n")
    (task / "sched").write_text("nginx (77, #threads: 1)\nse.nr_migrations : 2\n")
    (task / "status").write_text("Name:\tnginx\nvoluntary_ctxt_switches:\t10\nnonvoluntary_ctxt_switches:\t1\n")
    net = top / "proc/77/net"
    net.mkdir()
    (net / "snmp").write_text("Tcp: ActiveOpens PassiveOpens InSegs OutSegs RetransSegs\nTcp: 5 6 100 100 0\n")
    (net / "netstat").write_text("TcpExt: DelayedACKs TW ListenOverflows\nTcpExt: 1 2 0\n")
    (net / "dev").write_text("    lo: 1000 50 0 0\n")
    (top / "proc/stat").write_text("cpu 1 2 3 4 5 6 7 8 9 0\n")
    (top / "proc/softirqs").write_text("  CPU0\n NET_RX: 9\n")
    (top / "proc/interrupts").write_text("  CPU0\nRES: 4 Rescheduling interrupts\n")
    return Roots(top)


def test_counters_are_grown_between_two_readings(tmp_path: Path) -> None:
    roots = fake_machine(tmp_path)
    with open_counters({"nginx": [77]}, roots) as found:
        before = found.read_before()
        (tmp_path / "proc/77/net/snmp").write_text(
            "Tcp: ActiveOpens PassiveOpens InSegs OutSegs RetransSegs\nTcp: 8 9 133 166 0\n"
        )
        (tmp_path / "proc/77/task/77/status").write_text(
            "Name:\tnginx\nvoluntary_ctxt_switches:\t14\nnonvoluntary_ctxt_switches:\t1\n"
        )
        grown = found.growth(before, found.read_after())
    assert {name: value for name, value in grown.items() if value} == {
        "net.active_opens": 3,
        "net.passive_opens": 3,
        "net.segments_in": 33,
        "net.segments_out": 66,
        "nginx.voluntary": 4,
    }


def test_what_cannot_be_read_is_a_sentence_and_not_a_zero(tmp_path: Path) -> None:
    roots = fake_machine(tmp_path)
    with open_counters({"nginx": [77]}, roots) as found:
        grown = found.growth(found.read_before(), found.read_after())
        sentences = uncounted_by({"a": found, "b": found})
    assert "nginx.wait_us" not in grown
    assert "nginx.wait_ns" not in grown
    assert "host.pressure_us" not in grown
    assert len(sentences) == 2
    assert sentences[0].startswith("How long tasks waited for a CPU (PSI) is not known. ")
    assert sentences[1].startswith("The time that processes wait for a CPU is not known. ")
    assert sentences[1].endswith("/proc/N/task/N/schedstat cannot be read: No such file or directory.")


def test_a_real_process_and_its_network_are_read(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, open_counters({"app": [os.getpid()]}) as found:
        before = found.read_before()
        with socket.create_connection(server.getsockname()), server.accept()[0]:
            grown = found.growth(before, found.read_after())
    assert grown["net.active_opens"] >= 1
    assert grown["net.passive_opens"] >= 1
    assert grown["net.lo_packets"] >= 3
    assert {"app.user_us", "app.system_us", "app.voluntary", "app.involuntary"} <= set(grown)


@pytest.mark.skipif(not can_listen("[::1]"), reason="this machine has no IPv6")
@pytest.mark.parametrize(("family", "host", "fewest"), [(socket.AF_INET, "127.0.0.1", 0), (socket.AF_INET6, "::1", 3)])
def test_packets_of_ipv6_are_counted_on_request(family: socket.AddressFamily, host: str, fewest: int) -> None:
    with socket.create_server((host, 0), family=family) as server:
        with open_counters({"app": [os.getpid()]}, also=[IPV6_FILE]) as found, open_counters({"app": [1]}) as other:
            before, without = found.read_before(), other.read_before()
            with socket.create_connection(server.getsockname()[:2]), server.accept()[0]:
                grown = found.growth(before, found.read_after())
        assert grown["net.ip6_packets"] >= fewest
        assert "net.ip6_packets" not in other.growth(without, without)


def test_the_work_of_another_process_is_seen_in_the_same_open_files() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        with open_counters({"app": [worker.pid]}) as found:
            before = found.read_before()
            for _ in range(5):
                worker.stdin.write("work\n")
                worker.stdout.readline()
            grown = found.growth(before, found.read_after())
        worker.stdin.close()
    assert grown["app.voluntary"] + grown["app.involuntary"] >= 1


def test_a_process_that_has_ended_is_an_error_and_not_a_zero() -> None:
    with subprocess.Popen(["sleep", "60"]) as process, open_counters({"app": [process.pid]}) as found:
        process.kill()
        process.wait()
        with pytest.raises(OSError, match="No such process"):
            found.read_before()


def test_no_file_stays_open_afterwards() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_counters({"app": [os.getpid()]}):
        assert len(list(Path("/proc/self/fd").iterdir())) > before
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_opens_and_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """PSI that is switched off at boot, as a directory here: reading fails, opening does not."""
    roots = fake_machine(tmp_path)
    (tmp_path / "proc/pressure/cpu").mkdir(parents=True)
    with open_counters({"nginx": [77]}, roots) as found:
        assert any("PSI) is not known. " in sentence for sentence in found.uncounted)


def test_a_kernel_that_counts_no_waiting_says_so(tmp_path: Path) -> None:
    roots = fake_machine(tmp_path)
    (tmp_path / "proc/77/task/77/schedstat").write_text("0 0 0\n")
    with open_counters({"nginx": [77]}, roots) as found:
        assert any(sentence.endswith("schedstat does not count it on this kernel.") for sentence in found.uncounted)


def test_a_list_of_interrupts_that_is_too_long_to_be_read_so_often_is_left_alone(tmp_path: Path) -> None:
    roots = fake_machine(tmp_path)
    (tmp_path / "proc/interrupts").write_text("RES: 4 Rescheduling interrupts\n" * 200)
    with open_counters({"nginx": [77]}, roots) as found:
        assert any("too long to be read so often: 6200 bytes" in sentence for sentence in found.uncounted)


def test_the_client_is_read_last_before_a_visit_and_first_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that reading the others is not counted as its work."""
    read: list[int] = []
    pread = os.pread

    def noting(descriptor: int, size: int, offset: int) -> bytes:
        read.append(descriptor)
        return pread(descriptor, size, offset)

    with open_counters({"app": [os.getppid()], "client": [os.getpid()]}) as found:
        whose = dict(zip(found.descriptors, (source.owner for source in found.sources), strict=True))
        monkeypatch.setattr(os, "pread", noting)
        before, after = found.read_before(), found.read_after()
    assert [whose[descriptor] for descriptor in read].index("client") == len(found.sources) - 4
    assert read == [*found.descriptors, *reversed(found.descriptors)]
    assert len(before) == len(after) == len(found.sources)


def test_a_thread_that_ends_counts_nothing_more(tmp_path: Path) -> None:
    program = "import threading, sys\nt = threading.Thread(target=sys.stdin.readline)\nt.start()\nprint(flush=True)\n"
    rest = "t.join()\nprint(flush=True)\nsys.stdin.readline()\n"
    with subprocess.Popen(
        [sys.executable, "-c", program + rest], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        with open_counters({"app": [process.pid]}) as found:
            before = found.read_before()
            process.stdin.write("\n")
            process.stdout.readline()
            deadline_s = time.monotonic() + 10
            while found.growth(before, found.read_after())["app.voluntary"] == 0:  # until it waits for a line again
                assert time.monotonic() < deadline_s
        process.stdin.write("\n")
