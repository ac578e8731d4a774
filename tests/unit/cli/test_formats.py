"""The commands that report, in each of their formats; without any process."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.floor.bench import FloorFile
from harness.report.commands.machine import Diagnosis, MachineCheck
from tests.support.comparable_runs import run_data, write_run
from tests.support.imported_runs import floor

CHECKS = Diagnosis(checks=(MachineCheck("nginx", "missing", "not installed", "Install it."),), conclusions=())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    directory = tmp_path_factory.mktemp("results")
    newer = run_data(rounds=36, host={"kernel": {"release": "6.18.0"}})
    return [str(write_run(run_data(), directory / "base")), str(write_run(newer, directory / "newer"))]


@pytest.fixture
def commands(runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Each command with its arguments; doctor and floor find what they would measure."""
    monkeypatch.setattr("harness.floor.bench.measure_floor", lambda *_: FloorFile(tmp_path / "floor.json", tmp_path))
    monkeypatch.setattr("harness.store.history.read_floor", lambda _: floor())
    monkeypatch.setattr("harness.session.doctor.diagnose", lambda *_: CHECKS)
    return {
        "compare": ["compare", *runs],
        "pool": ["pool", *(f"host{number}={run}" for number, run in enumerate(runs))],
        "validate": ["validate", runs[0]],
        "doctor": ["doctor", "--seconds", "0"],
        "plan": ["plan", "quick"],
        "floor": ["floor", "--fast"],
    }


def output(arguments: list[str]) -> str:
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


@pytest.mark.parametrize("command", ["compare", "pool", "validate", "doctor", "plan", "floor"])
def test_a_report_has_the_same_answer_in_text_and_markdown_and_its_data_as_json(
    commands: dict[str, list[str]], command: str
) -> None:
    text = " ".join(output(commands[command]).split())
    markdown = output([*commands[command], "--markdown"])
    answer = next(line for line in markdown.splitlines() if line.startswith("**")).strip("*")

    assert answer in text
    assert isinstance(json.loads(output([*commands[command], "--json"])), dict)


@pytest.mark.parametrize("command", ["compare", "pool", "validate", "doctor", "plan", "floor"])
def test_a_page_is_written_where_the_command_has_a_directory_and_printed_where_it_has_none(
    commands: dict[str, list[str]], command: str
) -> None:
    printed = output([*commands[command], "--html"])
    page = printed if command in ("compare", "pool", "doctor", "plan") else Path(printed.strip()).read_text()

    assert page.startswith("<!doctype html>")
    assert page.count("<figure") == {"compare": 1, "pool": 2, "validate": 1}.get(command, 0)


@pytest.mark.parametrize("command", ["compare", "validate", "floor"])
def test_tables_of_numbers_are_one_csv_table(commands: dict[str, list[str]], command: str) -> None:
    rows = list(csv.DictReader(io.StringIO(output([*commands[command], "--csv"]))))

    assert any(float(row["low"]) < float(row["value"]) < float(row["high"]) for row in rows if row["low"])
    places = [(row["section"], row["table"], row["row"], row["column"]) for row in rows]
    assert len(set(places)) == len(places)


def test_the_table_of_what_differs_between_the_hosts_is_in_the_page(commands: dict[str, list[str]]) -> None:
    page = output([*commands["compare"], "--html"])

    assert "Differences between the hosts" in page
    assert "kernel.release" in page
