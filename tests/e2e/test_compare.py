"""Results of runs that never were, compared and reported through the command."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.command import barehop
from tests.support.comparable_runs import run_data, write_run
from tests.support.fleets import write_fleet


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base`; `again`, the same at another time; `spiked`, with 8 % more for one arm."""
    directory = tmp_path_factory.mktemp("results")
    write_run(run_data(), directory / "base")
    write_run(run_data(rounds=36, host={"kernel": {"release": "6.18.0"}}), directory / "again")
    write_run(run_data(rounds=36, factors={"uds-tmpfs": 1.08}, paths={"uds-tmpfs": "/spike/30"}), directory / "spiked")
    return directory


def test_the_same_at_another_time_is_not_called_different(results: Path, tmp_path: Path) -> None:
    ended = barehop(tmp_path, "compare", results / "base", results / "again", "--json", "--gate", "3")

    verdicts = {change["verdict"] for change in json.loads(ended.out)["changes"]}

    assert (ended.code, ended.err) == (0, "")
    assert verdicts <= {"equivalent", "undecided"}


def test_a_spike_is_slower_and_its_setting_named_and_the_gate_ends_with_1(results: Path, tmp_path: Path) -> None:
    ended = barehop(tmp_path, "compare", results / "base", results / "spiked", "--gate", "5")

    assert ended.code == 1
    assert ended.err.startswith("Run 2, uds-tmpfs compared with tcp: its typical request is slower than in run 1 by ")
    assert "arms.uds-tmpfs.path / /spike/30" in " ".join(ended.out.split())


def test_the_json_names_the_runs_the_changes_and_what_differs(results: Path, tmp_path: Path) -> None:
    ended = barehop(
        tmp_path, "compare", results / "base", results / "spiked", results / "again", "--json", "--gate", "15"
    )

    found = json.loads(ended.out)

    assert ended.code == 0
    assert [run["directory"] for run in found["runs"]] == [str(results / name) for name in ("base", "spiked", "again")]
    slower = {(each["run"], each["arm"], each["metric"]) for each in found["changes"] if each["verdict"] == "slower"}
    assert slower == {(2, "uds-tmpfs", "latency"), (2, "uds-tmpfs", "cpu")}
    assert {"field": "kernel.release", "values": ["6.12.0", "6.12.0", "6.18.0"]} in found["host"]


def test_what_cannot_be_compared_is_refused(results: Path, tmp_path: Path) -> None:
    ended = barehop(tmp_path, "compare", results / "base")

    assert (ended.code, ended.out) == (2, "")
    assert "is only one run" in ended.err


def test_a_fleet_is_pooled_and_what_cannot_be_is_refused_in_one_message(results: Path, tmp_path: Path) -> None:
    fleet = write_fleet(tmp_path / "fleet")
    pooled = barehop(tmp_path, "pool", fleet, "--by", "kernel.release", "--json")
    refused = barehop(tmp_path, "pool", fleet, fleet / "web1", tmp_path / "nowhere")

    effects = {effect["label"]: effect for effect in json.loads(pooled.out)["effects"] if effect["metric"] == "latency"}
    assert (pooled.code, pooled.err) == (0, "")
    assert effects["uds-dir against tcp"]["prediction_percent"]["low"] < -10
    assert effects["uds-dir against tcp"]["hosts"] == 5
    assert (refused.code, refused.out) == (2, "")
    assert len(refused.err.splitlines()) == 2


def test_a_result_is_reported_as_markdown(results: Path, tmp_path: Path) -> None:
    ended = barehop(tmp_path, "report", "--markdown", results / "base")

    assert ended.code == 0
    assert "| arm | requests/s |" in ended.out
    assert "| uds-tmpfs |" in ended.out


def test_results_are_reported_as_one_csv_table(results: Path, tmp_path: Path) -> None:
    ended = barehop(tmp_path, "report", "--csv", results / "base", results / "spiked")

    rows = list(csv.DictReader(io.StringIO(ended.out)))

    assert {row["directory"] for row in rows} == {str(results / "base"), str(results / "spiked")}
    assert {row["arm"] for row in rows} == {"tcp", "uds-tmpfs", "uds-dir", "control"}


def test_results_made_elsewhere_stand_beside_ours(results: Path, tmp_path: Path) -> None:
    ab = Path(__file__).parents[1] / "data/foreign/ab/three.txt"

    ended = barehop(tmp_path, "report", results / "base", "--beside", f"cloud/socket={ab}", "--json")

    assert ended.code == 0
    told = [(run["where"], run["transport"], run["mean_us"]) for run in json.loads(ended.out)["foreign"]]
    assert told == [("cloud", "uds", 207.0), ("cloud", "uds", 1360.0), ("cloud", "uds", 300.0)]


def test_two_formats_at_once_are_refused(results: Path, tmp_path: Path) -> None:
    ended = barehop(tmp_path, "report", "--markdown", "--csv", results / "base")

    assert (ended.code, ended.out) == (2, "")
    assert "exclude each other" in ended.err
