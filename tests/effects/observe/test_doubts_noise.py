"""What others did to the machine meanwhile becomes doubts just above the thresholds, and not below."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import Doubt
from harness.observe.doubts.cpus import ProcessSnapshot, noise_doubts, other_doubts, read_others
from harness.observe.host.noise import BusyProcess, Noise
from tests.support.fake_machine import STRANGER, Machine, doubted, quiet_machine

QUIET = Noise(
    seconds=10,
    steal_percent=0,
    others_percent=0,
    top=(),
    pressure_percent=8,
)


def kinds(noise: Noise) -> list[str]:
    return [doubt.kind for doubt in noise_doubts(noise)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"steal_percent": 1.0}, []),
        ({"steal_percent": 1.1}, ["steal"]),
        ({"top": (BusyProcess(7, "cron", 5.0),)}, []),
        ({"top": (BusyProcess(7, "cron", 5.1),)}, ["busy"]),
        ({"top": (BusyProcess(7, "kdamond.0", 6.0),), "tick_percent": 2.0}, []),
        ({"top": (BusyProcess(7, "kdamond.0", 6.1),), "tick_percent": 2.0}, ["busy"]),
        ({"steal_percent": 6.0, "tick_percent": 2.0}, []),
        ({"steal_percent": 6.1, "tick_percent": 2.0}, ["steal"]),
        ({"others_percent": 20.0}, []),
        ({"others_percent": 20.1}, ["busy"]),
        ({"pressure_percent": 60, "others_percent": 10.0}, []),
        ({"pressure_percent": 60, "others_percent": 10.1}, ["pressure"]),
        ({"pressure_percent": 25.0, "others_percent": 15}, []),
        ({"pressure_percent": 25.1, "others_percent": 15}, ["pressure"]),
        ({"pressure_percent": None, "others_percent": 15}, []),
    ],
)
def test_noise_is_doubted_above_its_threshold_only(changes: dict[str, float], expected: list[str]) -> None:
    assert kinds(replace(QUIET, **changes)) == expected  # type: ignore[arg-type]  # one dictionary for fields of two types


def test_each_busy_process_is_named_and_none_is_called_small() -> None:
    top = (BusyProcess(9, "cc1", 88.2), BusyProcess(7, "backup", 5.2), BusyProcess(8, "cron", 1.0))
    found = list(noise_doubts(replace(QUIET, top=top, others_percent=94)))
    assert [doubt.seen for doubt in found] == [
        "cc1 (pid 9) used 88 % of a CPU.",
        "backup (pid 7) used 5 % of a CPU.",
    ]


def others_doubted(machine: Machine, cpu_line: str, ended_ticks: int = 0) -> list[Doubt]:
    """`ended_ticks` are those of children of ours that end in between."""
    machine.write(f"proc/{os.getpid()}/stat", stat_line(os.getpid(), parent=2))
    before = read_others(machine.scene)
    machine.change("proc/stat", r"^cpu .*$", cpu_line)
    machine.write(f"proc/{os.getpid()}/stat", stat_line(os.getpid(), parent=2, reaped_ticks=ended_ticks))
    return list(other_doubts(before, read_others(machine.scene)))


def stat_line(pid: int, parent: int, ticks: int = 0, reaped_ticks: int = 0) -> str:
    """man 5 proc: stat."""
    return f"{pid} (python) S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 0 {reaped_ticks} 0 20 0 1 0 77 0 0\n"


# 1000 ticks of two CPUs after what was pasted, in which they were idle but for some.
BUSY_CPUS = "cpu  {user} 0 84105 {idle} 7999 0 7866 {steal} 0 0"
USER, IDLE, STEAL = 348323, 495493, 2220


def cpu_line(user: int = 0, steal: int = 0) -> str:
    return BUSY_CPUS.format(user=USER + user, idle=IDLE + 1000 - user - steal, steal=STEAL + steal)


@pytest.mark.parametrize(("steal_ticks", "expected"), [(0, []), (10, []), (11, ["steal"])])
def test_stolen_ticks_are_read_from_the_machine(tmp_path: Path, steal_ticks: int, expected: list[str]) -> None:
    found = others_doubted(quiet_machine(tmp_path), cpu_line(steal=steal_ticks))
    assert [doubt.kind for doubt in found] == expected


def test_many_short_lived_processes_are_seen_but_not_the_load_tool_of_the_run(tmp_path: Path) -> None:
    (doubt,) = others_doubted(quiet_machine(tmp_path / "a"), cpu_line(user=400))
    assert (doubt.kind, "used 80 % of a CPU" in doubt.seen) == ("busy", True)
    assert others_doubted(quiet_machine(tmp_path / "b"), cpu_line(user=400), ended_ticks=400) == []


def test_what_servers_start_is_ours_while_it_runs_and_when_it_has_ended(tmp_path: Path) -> None:
    """A worker, the child that it always has, and one that came and went used all of the 330 ticks."""
    machine = quiet_machine(tmp_path)
    worker, child = 4194410, 4194411
    machine.write(f"proc/{os.getpid()}/stat", stat_line(os.getpid(), parent=2))
    machine.write(f"proc/{worker}/stat", stat_line(worker, parent=os.getpid()))
    machine.write(f"proc/{child}/stat", stat_line(child, parent=worker))
    before = read_others(machine.scene)
    machine.change("proc/stat", r"^cpu .*$", cpu_line(user=330))
    machine.write(f"proc/{child}/stat", stat_line(child, parent=worker, ticks=200))
    assert [doubt.kind for doubt in other_doubts(before, read_others(machine.scene))] == ["busy"]
    machine.write(f"proc/{worker}/stat", stat_line(worker, parent=os.getpid(), reaped_ticks=130))
    assert list(other_doubts(before, read_others(machine.scene))) == []


@pytest.mark.parametrize(("ticks", "expected"), [(25, []), (26, ["busy"])])
def test_a_strangers_ticks_are_read_from_the_machine(tmp_path: Path, ticks: int, expected: list[str]) -> None:
    machine = quiet_machine(tmp_path)

    def meanwhile() -> None:
        machine.change(f"proc/{STRANGER}/stat", "310 95 0 0 20", f"{310 + ticks} 95 0 0 20")
        machine.change("proc/stat", r"^cpu .*$", cpu_line(user=ticks))

    found = doubted(read_others, other_doubts, machine.scene, meanwhile)
    assert [doubt.kind for doubt in found] == expected
    assert all("postgres" in doubt.seen for doubt in found)


def test_waiting_is_read_as_time_and_compared_with_the_clock(tmp_path: Path) -> None:
    machine = quiet_machine(tmp_path)
    before = read_others(machine.scene)
    machine.change("proc/pressure/cpu", r"total=746083772", f"total={746083772 + 10_000_000}")
    machine.change("proc/stat", r"^cpu .*$", cpu_line(user=60))
    after = read_others(machine.scene)

    def waited(in_s: float) -> list[str]:
        taken_ns = before.snapshot.taken_ns + round(in_s * 1e9)
        snapshot = replace(after.snapshot, taken_ns=taken_ns)
        return [doubt.kind for doubt in other_doubts(before, replace(after, snapshot=snapshot))]

    assert waited(in_s=40.1) == []
    assert waited(in_s=39.9) == ["pressure"]


def test_a_machine_that_shows_nothing_raises_no_doubt(tmp_path: Path) -> None:
    found: list[ProcessSnapshot] = [read_others(Machine(tmp_path).scene) for _ in range(2)]
    assert list(other_doubts(*found)) == []
