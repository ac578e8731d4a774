"""`--resume` completes a run as it was planned, and refuses everything else with a sentence."""

import shutil
from pathlib import Path

import pytest

from harness.model import Summary
from tests.support.command import CHECKOUT, Ended, barehop, fixed, sets

REPORTS = ("summary.json", "report.html", "pyperf.json")


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which `run` is a complete run of `quick`."""
    here = tmp_path_factory.mktemp("complete")
    ended = barehop(here, "run", "quick", *fixed(2, 3), "--out", "run")
    assert ended.code == 0
    return here


@pytest.fixture
def here(complete: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(complete, tmp_path / "copy"))


def held(directory: Path) -> dict[str, tuple[int, bytes]]:
    """When each file was last changed, and what it holds; reports may be made anew."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.name not in REPORTS)
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_a_complete_run_is_reported_again_and_not_touched(here: Path) -> None:
    before = held(here / "run")
    again = barehop(here, "run", "--resume", "run", "--quiet")
    assert (again.code, again.err) == (0, "")
    assert held(here / "run") == before
    assert "All numbers" in again.out


def test_the_configuration_may_be_given_again_when_it_is_the_same(here: Path) -> None:
    assert barehop(here, "run", "quick", "--resume", "run", "--quiet").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["baseline", "--resume", "run"], "baseline.toml is not the experiment of "),
        (["/bin/sh", "--resume", "run"], "/bin/sh is not text in UTF-8"),
        (["--resume", "run", "--set", "design.seed=2"], "leave out --set"),
        (["--resume", "run", "--out", "elsewhere"], "leave out --set, --budget, --profile and --out"),
        (["--resume", "."], "holds no run of barehop"),
    ],
)
def test_what_cannot_be_resumed_is_refused(complete: Path, arguments: list[str], told: str) -> None:
    before = held(complete / "run")
    ended = barehop(complete, "run", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert held(complete / "run") == before
    assert not (complete / "elsewhere").exists()


def test_a_run_without_its_experiment_file_is_not_resumed(here: Path) -> None:
    (here / "run/experiment.toml").unlink()
    ended = barehop(here, "run", "--resume", "run")
    assert ended.code == 2
    assert ended.err.endswith("cannot be read: No such file or directory. Put back the file that barehop wrote.\n")


@pytest.mark.parametrize(
    ("name", "content"), [("plan.json", b"{}"), ("sessions/0001.json", b""), ("sessions/0001.parquet", b"\xff\x00")]
)
def test_a_file_that_barehop_did_not_write_is_named(here: Path, name: str, content: bytes) -> None:
    (here / "run" / name).write_bytes(content)
    ended = barehop(here, "report", "run")
    assert (ended.code, ended.out) == (2, "")
    assert name in ended.err


def test_a_lost_session_is_measured_again_by_the_same_plan(here: Path) -> None:
    for lost in here.glob("run/sessions/0001.*"):
        lost.unlink()
    kept = held(here / "run")
    ended = barehop(here, "run", "--resume", "run")
    assert ended.code == 0
    assert ended.err.startswith("session 1 of 2")
    assert {name: file for name, file in held(here / "run").items() if name in kept and "stack" not in name} == {
        name: file for name, file in kept.items() if "stack" not in name
    }


def test_a_session_without_its_raw_times_is_not_taken_for_finished(here: Path) -> None:
    (here / "run/sessions/0002.parquet").unlink()
    ended = barehop(here, "report", "run")
    assert ended.code == 2
    assert "0002.parquet" in ended.err


def test_a_summary_that_cannot_be_written_does_not_hide_the_result(here: Path) -> None:
    (here / "run/summary.json").unlink()
    (here / "run/summary.json").mkdir()
    ended = barehop(here, "run", "--resume", "run", "--json", "--quiet")
    assert ended.code == 3
    assert "summary.json cannot be written" in ended.err
    assert summary_of(ended).sessions == 2


def summary_of(ended: Ended) -> Summary:
    return Summary.model_validate_json(ended.out)


def test_an_application_beside_the_first_directory_is_found_from_another(tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    shutil.copytree(CHECKOUT / "app", first / "apps/app")
    other.mkdir()
    settings = sets(app="app.main:app", app_dir="apps")
    assert barehop(first, "run", "quick", *settings, *fixed(2, 2), "--out", tmp_path / "run").code == 0
    (tmp_path / "run/sessions/0002.json").unlink()
    assert barehop(other, "run", "--resume", tmp_path / "run").code == 0


def test_damage_and_sessions_of_no_run_are_told_before_anything_is_measured(here: Path) -> None:
    for lost in here.glob("run/sessions/0001.*"):
        lost.unlink()
    for number in ("0009", "0010"):
        for kind in ("json", "parquet"):
            shutil.copy(here / f"run/sessions/0002.{kind}", here / f"run/sessions/{number}.{kind}")
    before = held(here / "run")
    ended = barehop(here, "run", "--resume", "run")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{here}/run/sessions/0009.json is beyond the 2 sessions of the plan; ")
    assert f"{here}/run/sessions/0010.json is beyond the 2 sessions of the plan; " in ended.err
    assert held(here / "run") == before
