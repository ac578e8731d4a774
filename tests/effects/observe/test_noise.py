import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.observe.cpu_time import ProcessTime
from harness.observe.host.noise import (
    BusyProcess,
    MachineSnapshot,
    measure_noise,
    noise_between,
    read_snapshot,
)

BEFORE = MachineSnapshot(
    taken_ns=0,
    cpus=2,
    total_ticks=1000,
    cpu_ticks=300,
    steal_ticks=10,
    processes={1: ProcessTime("init", 5, 40), 7: ProcessTime("ours", 9, 100), 8: ProcessTime("gone", 9, 1)},
    pressure_us=1_000_000,
)
AFTER = MachineSnapshot(
    taken_ns=1_000_000_000,
    cpus=2,
    total_ticks=1200,
    cpu_ticks=420,
    steal_ticks=14,
    processes={1: ProcessTime("init", 5, 45), 7: ProcessTime("ours", 9, 190), 9: ProcessTime("cc1", 90, 20)},
    pressure_us=1_100_000,
)


def test_the_difference_of_two_snapshots_is_the_noise() -> None:
    noise = noise_between(BEFORE, AFTER, own=[7])
    assert noise.seconds == 1
    assert noise.steal_percent == pytest.approx(2)
    assert noise.others_percent == pytest.approx(30)
    assert noise.top == (BusyProcess(9, "cc1", 20), BusyProcess(1, "init", 5))
    assert noise.pressure_percent == pytest.approx(10)


def test_own_processes_count_as_others_when_they_are_not_named() -> None:
    noise = noise_between(BEFORE, AFTER)
    assert noise.others_percent == pytest.approx(120)
    assert noise.top[0] == BusyProcess(7, "ours", 90)


def test_a_pid_that_was_used_again_starts_from_nothing() -> None:
    again = replace(AFTER, processes={1: ProcessTime("other", 99, 30)})
    assert noise_between(BEFORE, again).top == (BusyProcess(1, "other", 30),)


def test_nothing_between_two_equal_snapshots_is_quiet() -> None:
    noise = noise_between(BEFORE, BEFORE)
    assert (noise.steal_percent, noise.others_percent, noise.top) == (0, 0, ())


def test_a_kernel_without_pressure_says_none() -> None:
    assert noise_between(replace(BEFORE, pressure_us=None), AFTER).pressure_percent is None


def test_a_snapshot_reads_names_with_brackets_and_counts_guests_once(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  10 1 20 300 5 6 7 8 9 0\ncpu0 0 0 0\ncpu1 0 0 0\nintr 5\n")
    (tmp_path / "42").mkdir()
    (tmp_path / "42/stat").write_text(f"42 (a) b (c) S 1 {'0 ' * 9}11 22 0 0 20 0 1 0 777 0\n")
    (tmp_path / "43").mkdir()
    snapshot = read_snapshot(tmp_path)
    assert (snapshot.cpus, snapshot.total_ticks, snapshot.cpu_ticks, snapshot.steal_ticks) == (2, 357, 31, 8)
    assert snapshot.processes == {42: ProcessTime("a) b (c", 777, 33, parent=1)}
    assert snapshot.pressure_us is None


def test_a_busy_process_is_seen_unless_it_is_ours() -> None:
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        others, ours = measure_noise(1), measure_noise(1, own=[spinner.pid])
    finally:
        spinner.kill()
        spinner.wait()
    assert spinner.pid in {process.pid for process in others.top}
    assert not {spinner.pid, os.getpid()} & {process.pid for process in ours.top}
    assert others.others_percent >= next(p.percent for p in others.top if p.pid == spinner.pid) - 5
