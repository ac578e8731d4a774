"""What a command reads of a results directory, it reads once; a run may stop is decided from what it has in memory."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.analysis import summary as analysis
from harness.cli import cli
from harness.files import read_regular_file
from harness.model import Plan
from harness.report.commands.progress import Progress
from harness.session import run_experiment
from harness.session.measure import Run
from harness.store.store import Store
from harness.testbed.blueprint import Machine
from harness.testbed.machine.topology import Topology
from tests.support.comparable_runs import run_data, write_run
from tests.support.simulated_run import run_of


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file of a results directory is opened to be read."""
    counted: Counter[str] = Counter()
    read = read_regular_file

    def count(path: Path, *arguments: Any) -> bytes:
        counted[str(path)] += 1
        return read(path, *arguments)

    monkeypatch.setattr("harness.store.files.read_regular_file", count)
    return counted


@pytest.mark.parametrize(
    "words",
    [
        ["report"],
        ["report", "--json"],
        ["report", "--html"],
        ["report", "--html", "--out", "page.html"],
        ["compare"],
        ["validate"],
        ["validate", "--html"],
    ],
    ids=" ".join,
)
def test_a_command_reads_each_session_once(
    words: list[str], reads: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [write_run(run_data(), tmp_path / "run")]
    if words == ["compare"]:
        runs.append(write_run(run_data(rounds=36), tmp_path / "other"))
    CliRunner().invoke(cli, [*words, *map(str, runs)], standalone_mode=False, catch_exceptions=False)

    sessions = {f"sessions/{number:04}.{kind}" for number in range(1, 9) for kind in ("json", "parquet")}
    assert reads == {str(run / name): 1 for run in runs for name in (*sessions, "plan.json", "host.json")}


def run_in_progress(directory: Path, width_percent: float) -> Run:
    """A run at its first look, with 8 of 16 sessions."""
    imagined = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, rounds=40, sessions=8)
    design = imagined.plan.experiment.design.model_copy(update={"precision_percent": width_percent})
    plan: Plan = imagined.plan.model_copy(
        update={
            "experiment": imagined.plan.experiment.model_copy(update={"design": design}),
            "schedule": imagined.plan.schedule.model_copy(update={"sessions": 16, "looks": (8, 16)}),
        }
    )
    machine = Machine(Topology((), frozenset()), {})
    sessions = {session.record.session: session for session in imagined.sessions}
    return Run(plan, Store(directory), machine, {}, Progress(is_quiet=True), sessions)


@pytest.mark.parametrize(("width_percent", "stops"), [(50.0, True), (1e-6, False)])
def test_whether_a_run_may_stop_takes_the_widths_and_no_file(
    width_percent: float, stops: bool, reads: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, made = run_in_progress(tmp_path, width_percent), list[str]()
    for name in ("run_summary", "ladders", "judge_tails", "load_points", "arm_summaries", "joint_effect_of"):
        monkeypatch.setattr(analysis, name, _note(made, name))

    assert run_experiment._has_enough(run) is stops
    assert not reads
    assert made == []


def _note(made: list[str], name: str) -> Callable[..., None]:
    return lambda *_arguments, **_options: made.append(name)
