"""perf counts the system calls of a process while it is told to; where it may not, that is a sentence."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.observe.perf import can_count, explain_failure, perf_argv, perf_stat
from harness.testbed.servers.programs import find_program

ECHO = "import os\nwhile line := os.read(0, 1): os.write(1, line)"

PERF = find_program("perf")
needs_perf = pytest.mark.skipif(PERF is None, reason="there is no perf")


@pytest.fixture
def echo() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        exchange(process, 1)
        yield process
        assert process.stdin
        process.stdin.close()


def exchange(process: subprocess.Popen[bytes], times: int) -> None:
    assert process.stdin
    assert process.stdout
    for _ in range(times):
        process.stdin.write(b"x")
        process.stdout.read(1)


@needs_perf
@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may count the system calls of others")
def test_only_calls_between_enable_and_disable_are_counted(echo: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert PERF
    with perf_stat(PERF, {"app": [echo.pid]}, tmp_path, {}) as perf:
        exchange(echo, 5)
        perf.enable()
        exchange(echo, 20)
        perf.disable()
        exchange(echo, 5)
        perf.ask_to_end()
        counted, _ = perf.read_counts()
    assert 39 <= counted["app.syscalls"] <= 41, "a read and a write for each, and what was under way"
    assert counted["app.syscalls.connect"] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"counts.csv", "perf.log"}


@needs_perf
@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may count what others do")
@pytest.mark.parametrize(("pids", "role"), [(True, "app"), (False, "host")])
def test_events_of_the_experiment_are_counted_of_processes_or_of_the_machine(
    echo: subprocess.Popen[bytes], tmp_path: Path, pids: bool, role: str
) -> None:
    assert PERF
    counters = {"calls": "raw_syscalls:sys_enter", "writes": "syscalls:sys_enter_write"}
    with perf_stat(PERF, {"app": [echo.pid]} if pids else None, tmp_path, counters) as perf:
        perf.enable()
        exchange(echo, 20)
        perf.disable()
        perf.ask_to_end()
        counted, unsupported = perf.read_counts()
    most = 21 if pids else 1_000_000
    assert 19 <= counted[f"{role}.counters.writes"] <= most
    assert counted[f"{role}.counters.calls"] >= 2 * 19
    assert ("app.syscalls" in counted) == pids
    assert not set(unsupported) & set(counters.values())


@needs_perf
@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has mounts of its own")
def test_the_machine_has_no_more_mounts_afterwards(echo: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert PERF
    before = tracing_mounts()
    with perf_stat(PERF, {"app": [echo.pid]}, tmp_path, {}) as perf:
        perf.enable()
        assert tracing_mounts() == before
    assert tracing_mounts() == before


def tracing_mounts() -> list[str]:
    """What perf needs; other mounts may come and go meanwhile."""
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if "tracefs" in line]


def test_a_perf_that_refuses_becomes_a_sentence_with_what_it_said(tmp_path: Path) -> None:
    refusing = tmp_path / "perf"
    refusing.write_text("#!/bin/sh\necho 'Error: No permission to enable tracepoints' >&2\nexit 255\n")
    refusing.chmod(0o755)
    directory = tmp_path / "out" / "00"
    with pytest.raises(HarnessError) as raised, perf_stat(str(refusing), {"app": [os.getpid()]}, directory, {}) as perf:
        perf.enable()
    sentence = explain_failure(raised.value, tmp_path / "out")
    assert sentence.startswith("System calls per request are not known: perf said 'Error: No permission")


COUNTS_WITHOUT_AN_END = """#!/bin/sh
for word; do [ "$previous" != -o ] || output=$word; previous=$word; done
head -c 2000000 /dev/zero >"$output"
"""


def test_an_output_of_perf_that_is_too_long_becomes_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.observe.perf.MAX_OUTPUT_BYTES", 1 << 20)
    monkeypatch.setattr("harness.observe.perf.TRACEFS_EVENTS", tmp_path)
    endless = tmp_path / "perf"
    endless.write_text(COUNTS_WITHOUT_AN_END)
    endless.chmod(0o755)
    with (
        perf_stat(str(endless), {"app": [os.getpid()]}, tmp_path / "out/00", {}) as perf,
        pytest.raises(HarnessError, match="perf wrote more than 1048576 bytes"),
    ):
        perf.read_counts()


@pytest.mark.parametrize(("capabilities", "may"), [("000001ffffffffff", True), ("0000000000000000", False)])
def test_who_may_count_is_a_matter_of_capabilities_and_not_of_being_root(
    tmp_path: Path, capabilities: str, may: bool
) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/status").write_text(f"Name:\tx\nCapEff:\t{capabilities}\n")
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/perf_event_paranoid").write_text("2\n")
    assert can_count(tmp_path) == may


def test_every_thread_is_named_and_counting_begins_when_told() -> None:
    argv = perf_argv("/usr/bin/perf", {11: "nginx", 12: "app"}, Path("c"))
    assert argv[-2:] == ("-t", "11,12")
    assert argv[argv.index("-D") + 1] == "-1"
