"""However a run ends, nothing of it is left, what was measured is kept, and the rest can be measured later."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.model import Plan, Summary
from tests.support.command import CHECKOUT, Ended, barehop, eventually, fixed, started

FREEING = """
import os, signal, time, weakref
from harness.console import raise_on_signals
from harness.errors import Interrupted

class Thing:
    pass

try:
    with raise_on_signals():
        thing = Thing()
        watcher = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.{name}))
        del thing
        time.sleep(60)
        print("slept")
except Interrupted:
    print("interrupted")
"""
THREE = fixed(3, 3)
TWO = fixed(2, 3)
LONG = fixed(30, 3)
PILOTED = TWO[:4]


def files(directory: Path) -> dict[str, tuple[int, bytes]]:
    """The plan and the finished sessions: when each file was last changed, and what it holds."""
    found = [directory / "plan.json", directory / "host.json", directory / "experiment.toml"]
    for record in (directory / "sessions").glob("[0-9]*.json"):  # without it, times are of a session that was killed
        found += [record, record.with_suffix(".parquet")]
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def finished(directory: Path) -> int:
    return len(list(directory.glob("sessions/*.json")))


def completed(cwd: Path) -> Ended:
    """The run in `cwd`/out resumed to its end: the plan and what had been measured are as they were."""
    before = files(cwd / "out")
    ended = barehop(cwd, "run", "--resume", "out")
    after = files(cwd / "out")
    assert ended.code == 0, ended.err
    assert {name: after[name] for name in before} == before
    assert finished(cwd / "out") == Plan.model_validate_json((cwd / "out/plan.json").read_bytes()).schedule.sessions
    return ended


def test_an_interrupted_run_reports_what_it_has(tmp_path: Path) -> None:
    with started(tmp_path, "run", "quick", *LONG, "--out", "out") as command:
        command.says("session 1 of 30")
        command.process.send_signal(signal.SIGTERM)
        ended = command.ended()
    assert ended.code == 130
    assert ended.err.splitlines()[-1] == f"Report it    {sys.executable} -m harness report {tmp_path / 'out'}"
    assert "Traceback" not in ended.err
    count = finished(tmp_path / "out")
    assert 1 <= count < 30
    assert f"Only {count} of 30 sessions" in " ".join(ended.out.split())
    assert "run --resume" in ended.out
    assert Summary.model_validate_json((tmp_path / "out/summary.json").read_bytes()).sessions == count


def test_an_impatient_user_changes_nothing_and_the_run_can_be_completed(tmp_path: Path) -> None:
    with started(tmp_path, "run", "quick", *THREE, "--out", "out") as command:
        command.says("session 1 of 3")
        for _ in range(20):
            command.process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        ended = command.ended()
    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert "of 3 sessions" in ended.out
    assert "3 sessions," in completed(tmp_path).out


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_that_comes_while_python_frees_an_object_is_not_lost(name: str) -> None:
    """What a handler raises there, Python drops."""
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", FREEING.format(name=name)]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n", "")


def test_nohup_keeps_a_run_going_when_its_terminal_goes(tmp_path: Path) -> None:
    with started(tmp_path, "run", "quick", *THREE, "--out", "out", before=("nohup",)) as command:
        command.says("session 1 of 3")
        command.process.send_signal(signal.SIGHUP)
        ended = command.ended()
    assert ended.code == 0
    assert finished(tmp_path / "out") == 3


def test_an_interrupted_pilot_leaves_nothing_to_resume_and_says_so(tmp_path: Path) -> None:
    with started(tmp_path, "run", "quick", "--budget", "600", "--out", "out") as command:
        command.says("Running a pilot")
        command.process.send_signal(signal.SIGINT)
        ended = command.ended()
    assert (ended.code, ended.out) == (130, "")
    refused = barehop(tmp_path, "run", "--resume", "out")
    assert (refused.code, refused.out) == (2, "")
    assert "there is no plan.json in it" in refused.err


def addresses(directory: Path) -> Iterator[tuple[str, int]]:
    """Where the nginx and gunicorn of every stack in `directory` listened on TCP."""
    for conf in directory.rglob("nginx.conf"):
        for port in re.findall(r"127\.0\.0\.1:(\d+)", conf.read_text()):
            yield "127.0.0.1", int(port)


def is_listening(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


def kill_at_random(cwd: Path, chance: random.Random) -> None:
    """SIGKILL at any moment from the imports to the report; `started` sees that nobody survives it."""
    options = chance.choice([TWO, TWO, PILOTED])
    with started(cwd, "run", "quick", *options, "--out", "out") as command:
        time.sleep(chance.uniform(0.2, 4))
        command.process.kill()
        command.process.wait()
    assert [address for address in addresses(cwd / "out") if is_listening(address)] == []


@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_is_killed_leaves_nobody_and_nothing_and_can_be_completed(tmp_path: Path, seed: int) -> None:
    kill_at_random(tmp_path, random.Random(seed))
    if (tmp_path / "out/plan.json").exists():
        completed(tmp_path)
        return
    ended = barehop(tmp_path, "run", "--resume", "out")
    assert (ended.code, ended.out) == (2, "")
    assert "holds no run of barehop" in ended.err


def test_one_machine_is_measured_by_one_run_at_a_time(tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    env = {"BAREHOP_LOCK": str(tmp_path / "lock")}
    with started(tmp_path, "run", "quick", *fixed(2, 600), "--out", "out", env=env) as first:
        assert eventually((tmp_path / "out/stack/0001/nginx.log").is_file)
        refused = barehop(second, "run", "quick", *THREE, env=env)
        mistaken = barehop(second, "run", "quick", "--set", "design.sessions=1")
        looked = barehop(second, "plan", "quick")
        first.process.send_signal(signal.SIGINT)
        ended = first.ended()
    assert (refused.code, refused.out) == (3, "")
    assert refused.err.startswith("Another run of barehop is measuring on this machine. It is process ")
    assert f"or end it: kill {first.process.pid}." in refused.err
    assert not (second / "results").exists()
    assert mistaken.code == 2
    assert looked.code == 0
    assert ended.code == 130, ended.err
