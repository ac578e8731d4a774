"""pyperf's own tools read the file that a run leaves for them."""

import os
import subprocess
import sys
from pathlib import Path

import pyperf  # type: ignore[import-untyped]  # it has no types
import pytest

from harness.analysis.between_runs.changes import RunData
from harness.errors import HarnessError
from harness.report.export.pyperf_file import render_pyperf
from harness.testbed.machine.pyperf_metadata import pyperf_facts
from tests.support.comparable_runs import run_data

ROUNDS, SESSIONS, BURST = 8, 8, 6
NAMES = ["tcp", "uds-tmpfs", "uds-dir", "control"]


def write(run: RunData, path: Path) -> Path:
    path.write_text(render_pyperf(run.plan, run.records, {"pyperf": pyperf_facts()}), encoding="utf-8")
    return path


def benchmarks(run: RunData) -> "dict[str, pyperf.Benchmark]":
    suite = pyperf.BenchmarkSuite.loads(render_pyperf(run.plan, run.records, {}))
    return {each.get_name(): each for each in suite}


def ask_pyperf(*arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", *arguments], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("pyperf")
    slower = run_data(rounds=ROUNDS, factors={"tcp": 2, "uds-tmpfs": 2, "uds-dir": 2})
    return write(run_data(rounds=ROUNDS), directory / "base.json"), write(slower, directory / "slower.json")


@pytest.mark.parametrize("command", ["show", "stats", "hist", "check", "metadata", "dump"])
def test_pyperf_reads_every_arm(command: str, files: tuple[Path, Path]) -> None:
    told = ask_pyperf(command, files[0])

    assert [name for name in NAMES if name not in told] == []


def test_pyperf_counts_a_run_for_each_session_and_a_warm_up_and_values_for_its_rounds(
    files: tuple[Path, Path],
) -> None:
    told = ask_pyperf("stats", files[0])

    assert told.count(f"Number of run with values: {SESSIONS}\n") == len(NAMES)
    assert told.count("Number of warmup per run: 1\n") == len(NAMES)
    assert told.count(f"Number of value per run: {ROUNDS - 1}\n") == len(NAMES)
    assert told.count(f"Loop iterations per value: {BURST}\n") == len(NAMES)


def test_pyperf_compares_two_files(files: tuple[Path, Path]) -> None:
    told = ask_pyperf("compare_to", *files)

    assert told.count("x slower\n") == len([*NAMES, "Geometric mean"])
    assert "ERROR" not in told


def test_values_are_the_bursts_times_in_seconds_in_the_order_of_the_rounds() -> None:
    run = run_data(rounds=ROUNDS)
    visits = sorted((each for each in run.records[0].visits if each.arm == "uds-dir"), key=lambda each: each.round)
    first, *rest = (each.mean_us / 1e6 for each in visits if each.mean_us)

    found = benchmarks(run)["uds-dir"].get_runs()[0]

    assert found.values == pytest.approx(rest)
    assert found.warmups == ((BURST, pytest.approx(first)),)


def test_metadata_say_what_the_arm_is_and_when_it_was_measured() -> None:
    run = run_data(rounds=ROUNDS, paths={"uds-tmpfs": "/spike/30"})

    metadata = benchmarks(run)["uds-tmpfs"].get_runs()[2].get_metadata()

    assert (metadata["arm_transport"], metadata["arm_path"]) == ("uds-tmpfs", "/spike/30")
    assert metadata["barehop_session"] == 3
    assert metadata["date"] == run.records[2].started_utc
    assert benchmarks(run)["control"].get_metadata()["control_of"] == "tcp"


def test_a_visit_without_a_time_is_no_value_and_an_arm_without_visits_no_benchmark() -> None:
    run = run_data(rounds=ROUNDS)
    lost = [
        record.model_copy(
            update={
                "visits": tuple(
                    each.model_copy(update={"mean_us": None, "requests": 0})
                    if each.arm == "uds-dir" or (each.arm, each.round) == ("tcp", 3)
                    else each
                    for each in record.visits
                )
            }
        )
        for record in run.records
    ]

    found = benchmarks(RunData(run.plan, run.summary, lost, run.host))

    assert set(found) == set(NAMES) - {"uds-dir"}
    assert len(found["tcp"].get_runs()[0].values) == ROUNDS - 2


@pytest.mark.parametrize(("rounds", "values", "warm_ups"), [(1, 1, 0), (2, 1, 1), (3, 2, 1)])
def test_the_first_burst_is_the_warm_up_unless_it_is_the_only_one(rounds: int, values: int, warm_ups: int) -> None:
    runs = benchmarks(run_data(rounds=rounds))["tcp"].get_runs()

    assert {(len(run.values), len(run.warmups)) for run in runs} == {(values, warm_ups)}


def test_a_run_without_any_time_is_refused() -> None:
    run = run_data(rounds=ROUNDS)
    empty = [record.model_copy(update={"visits": ()}) for record in run.records]

    with pytest.raises(HarnessError, match="nothing to write for pyperf"):
        render_pyperf(run.plan, empty, run.host)


def test_what_pyperf_collects_describes_the_machine_and_names_nobody() -> None:
    facts = pyperf_facts()

    assert {"cpu_count", "platform", "python_version", "perf_version"} <= set(facts)
    assert "hostname" not in facts
    assert not [value for value in facts.values() if str(Path.home()) in str(value) or sys.prefix in str(value)]


def test_pyperf_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys, harness.report.export.pyperf_file, harness.testbed.machine.pyperf_metadata; sys.exit('pyperf' "
        "in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
