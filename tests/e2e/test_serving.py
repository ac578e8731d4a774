"""What serves is recorded, named in reports, compared between runs, and holds while a run is resumed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.model import Summary
from tests.support.command import barehop, fixed, sets

SHORT = fixed(2, 2, burst=4)
APPLICATION = """
async def hello(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which `run` is a run of the application mine.py, and `other` one of another file of that name."""
    here = tmp_path_factory.mktemp("serving")
    for name, text in (("apps", APPLICATION), ("other-apps", f"{APPLICATION}# another version\n")):
        (here / name).mkdir()
        (here / name / "mine.py").write_text(text)
    assert barehop(here, "run", "quick", *SHORT, *served_from(here / "apps"), "--out", "run").code == 0
    surroundings = {"PYTHONASYNCIODEBUG": "1", "MALLOC_ARENA_MAX": "2", "GUNICORN_CMD_ARGS": "--preload"}
    ended = barehop(here, "run", "quick", *SHORT, *served_from(here / "other-apps"), "--out", "other", env=surroundings)
    assert ended.code == 0
    assert "Not passed on to the servers: GUNICORN_CMD_ARGS." in ended.err
    return here


def served_from(directory: Path) -> list[str]:
    return sets(app_dir=directory, app="mine:hello")


def summary_in(directory: Path) -> Summary:
    return Summary.model_validate_json((directory / "summary.json").read_text())


def change_host(directory: Path, change: Any) -> None:
    path = directory / "host.json"
    host = json.loads(path.read_text())
    change(host)
    path.write_text(json.dumps(host))


def without_session_2(complete: Path, to: Path) -> Path:
    copy = Path(shutil.copytree(complete / "run", to / "run"))
    for lost in copy.glob("sessions/0002.*"):
        lost.unlink()
    return copy


def test_every_report_names_the_file_that_was_measured(complete: Path) -> None:
    (application,) = summary_in(complete / "run").applications
    assert (application.file, application.app, len(application.sha256)) == ("mine.py", "mine:hello", 64)
    for form in (["--details"], ["--markdown"]):
        shown = barehop(complete, "report", "run", *form)
        assert f"SHA-256 {application.sha256[:12]}" in shown.out
    assert application.sha256[:12] in (complete / "run/report.html").read_text()


def test_host_json_has_what_serves_and_names_no_home(complete: Path) -> None:
    host = json.loads((complete / "run/host.json").read_text())
    (served,) = host["serving"]
    assert {"gunicorn", "uvicorn", "uvicorn-worker"} <= served["python"]["packages"].keys()
    assert served["nginx"].keys() >= {"version", "configure"}
    assert str(Path.home()) not in json.dumps(served)


def test_runs_that_were_served_differently_are_told_apart(complete: Path) -> None:
    shown = barehop(complete, "compare", "run", "other", "--markdown").out.replace("\\", "")
    assert "| serving.application.sha256 | " in shown
    assert "| environment.PYTHONASYNCIODEBUG | (absent) | 1 |" in shown
    assert "| environment.MALLOC_ARENA_MAX | (absent) | 2 |" in shown


def test_variables_that_slow_servers_down_are_doubted_and_others_only_recorded(complete: Path) -> None:
    doubts = {doubt.seen for doubt in summary_in(complete / "other").doubts if doubt.kind == "environment"}
    assert doubts == {"PYTHONASYNCIODEBUG is set for the servers: asyncio checks and times every step."}
    assert "environment" not in {doubt.kind for doubt in summary_in(complete / "run").doubts}


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("kernel", "release", "5.10.0-8-amd64"),
        ("cpus", "online", "0-63"),
        ("python", "version", "3.9.1"),
        ("environment", "PYTHONDEVMODE", "1"),
    ],
)
def test_a_run_is_not_resumed_on_another_machine(
    complete: Path, tmp_path: Path, part: str, key: str, value: str
) -> None:
    directory = without_session_2(complete, tmp_path)
    change_host(directory, lambda host: host[part].update({key: value}))
    ended = barehop(tmp_path, "run", "--resume", "run")
    assert (ended.code, ended.out) == (3, "")
    assert f"{part}.{key} was {value} and is " in ended.err
    assert "barehop compare" in ended.err
    assert not (directory / "sessions/0002.json").exists()


@pytest.mark.parametrize(("what", "key"), [("nginx", "version"), ("application", "sha256")])
def test_a_run_is_not_resumed_with_another_nginx_or_application(
    complete: Path, tmp_path: Path, what: str, key: str
) -> None:
    directory = without_session_2(complete, tmp_path)
    change_host(directory, lambda host: host["serving"][0][what].update({key: "1"}))
    ended = barehop(tmp_path, "run", "--resume", "run")
    assert ended.code == 3
    assert f"serving.{what}.{key} was 1 and is " in ended.err


def test_a_small_change_is_a_doubt_in_each_session_after_it(complete: Path, tmp_path: Path) -> None:
    directory = without_session_2(complete, tmp_path)
    change_host(directory, lambda host: host["memory"].update({"total_bytes": 12345}))
    ended = barehop(tmp_path, "run", "--resume", "run")
    assert ended.code == 0, ended.err
    (doubt,) = (doubt for doubt in summary_in(directory).doubts if doubt.kind == "changed")
    assert doubt.session == 2
    assert "memory.total_bytes was 12345 and is " in doubt.seen


def test_a_directory_that_is_older_than_these_facts_is_resumed_and_compared(complete: Path, tmp_path: Path) -> None:
    directory = without_session_2(complete, tmp_path)

    def forget(host: dict[str, Any]) -> None:
        for part in ("serving", "environment"):
            del host[part]

    change_host(directory, forget)
    ended = barehop(tmp_path, "run", "--resume", "run")
    assert ended.code == 0, ended.err
    assert "changed" not in {doubt.kind for doubt in summary_in(directory).doubts}
    shown = barehop(tmp_path, "compare", directory, complete / "run").out
    assert "serving." not in shown
    assert "environment." not in shown
    assert "programs.nginx" not in shown


def test_a_complete_run_is_reported_on_any_machine(complete: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(complete / "run", tmp_path / "run"))
    change_host(directory, lambda host: host["kernel"].update({"release": "5.10.0"}))
    assert barehop(tmp_path, "run", "--resume", "run", "--quiet").code == 0
