"""barehop verify: the id of results is that of their files, and every report shows it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.errors import HarnessError
from harness.session.summarize import html_report, read_results, write_reports
from harness.store.identity import content_id
from tests.support.comparable_runs import run_data, write_run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    directory = write_run(run_data(), tmp_path / "run")
    write_reports(read_results(directory))
    return directory


def output(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.output


def test_results_are_what_the_id_in_their_summary_says(results: Path) -> None:
    identity = json.loads((results / "summary.json").read_text())["id"]
    assert output("verify", results).startswith(f"{results} is what its id {identity} says")


def test_every_format_of_the_report_shows_the_id(results: Path) -> None:
    identity = content_id(results)
    assert identity in output("report", results)
    assert identity in output("report", "--markdown", results)
    assert identity in html_report(read_results(results))
    assert json.loads(output("report", "--json", results))["id"] == identity


def append_space(path: Path) -> None:
    path.write_text(f"{path.read_text()} ")


CHANGES: dict[str, Callable[[Path], object]] = {
    "plan": lambda directory: append_space(directory / "plan.json"),
    "experiment": lambda directory: (directory / "experiment.toml").write_text("name = 'other'"),
    "record": lambda directory: append_space(min((directory / "sessions").glob("*.json"))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_files_have_another_id(results: Path, change: Callable[[Path], object]) -> None:
    change(results)
    with pytest.raises(HarnessError, match="is not what its id says") as failure:
        output("verify", results)
    assert failure.value.exit_code == 1


def test_reports_made_again_do_not_change_the_id(results: Path) -> None:
    (results / "report.html").unlink()
    append_space(results / "pyperf.json") if (results / "pyperf.json").exists() else None
    assert "is what its id" in output("verify", results)


def test_an_id_from_a_report_elsewhere_is_checked(results: Path) -> None:
    assert "is what its id" in output("verify", results, "--id", content_id(results).upper())
    with pytest.raises(HarnessError, match="not 0123456789abcdef"):
        output("verify", results, "--id", "0123456789abcdef")


def test_results_of_an_earlier_version_have_no_id_to_check(results: Path) -> None:
    (results / "summary.json").unlink()
    assert "names no id to check" in output("verify", results)
