"""The frameworks that most applications are written in, as GUIDE shows them, each in an environment of its own."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.model import Summary
from tests.support.command import CHECKOUT, Ended, barehop, fixed, sets
from tests.support.documents import blocks_of, commands_of

CHAPTER = "Measure your own application"
PINS = CHECKOUT / "requirements-frameworks.lock"
WHEELS = CHECKOUT / ".venv/frameworks"  # what scripts/test fetches, for where there is no network
FRAMEWORKS = ("Starlette", "FastAPI", "Django", "Flask")
POST = {"method": "POST", "body": '{"a": 1, "b": 2}'}
PIP = (sys.executable, "-m", "pip", "--python", ".venv/bin/python", "install", "--quiet", "--no-compile")


@dataclass(frozen=True, slots=True)
class Place:
    """A directory in which the commands of a section ran, with those of barehop and how they ended."""

    directory: Path
    runs: Mapping[str, Ended]


def run_commands(framework: str, directory: Path) -> Place:
    """Follow a section of the chapter: write its files, run its commands."""
    runs: dict[str, Ended] = {}
    for block in blocks_of("GUIDE.md"):
        if block.headings[1:] != (CHAPTER, framework):
            continue
        if block.language == "python":
            path = directory / block.lead.split("`")[-2]
            path.write_text(block.text)
            continue
        for command in commands_of(block.text):
            words = shlex.split(command)
            if words[0] == "barehop":
                runs[command] = barehop(directory, *words[1:], *fixed(2, 2), "--out", f"out{len(runs)}")
            else:
                subprocess.run(host_words(words), cwd=directory, check=True)
    return Place(directory, runs)


def host_words(words: list[str]) -> list[str]:
    """Return the same command with our Python and its pip, since not every system's has one, and with our pins."""
    if words[:3] == ["python3", "-m", "venv"]:
        return [sys.executable, "-m", "venv", "--without-pip", *words[3:]]
    if words[:2] == [".venv/bin/pip", "install"]:
        offline = ["--no-index", "--find-links", str(WHEELS)] if WHEELS.is_dir() else []
        return [*PIP, *offline, "--constraint", str(PINS), *words[2:]]
    return words


@pytest.fixture(scope="module")
def places() -> dict[str, Place]:
    return {}


@pytest.fixture
def place(places: dict[str, Place], framework: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Where a framework's commands ran, once for all tests of it."""
    if framework not in places:
        places[framework] = run_commands(framework, tmp_path_factory.mktemp(framework))
    return places[framework]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_commands_of_the_guide_measure_an_application_in_its_own_environment(place: Place, framework: str) -> None:
    assert place.runs
    for number, (command, ended) in enumerate(place.runs.items()):
        assert ended.code in (0, 1), command + ended.err
        out = place.directory / f"out{number}"
        arms = Summary.model_validate_json((out / "summary.json").read_bytes()).arms.values()
        assert all(arm.requests > 0 and arm.failed == 0 for arm in arms)
        (serving,) = json.loads((out / "host.json").read_bytes())["serving"]
        assert serving["python"]["packages"].get(framework.lower())


@pytest.mark.parametrize(
    ("framework", "settings", "code", "sentence"),
    [
        ("Flask", {"worker_class": "uvicorn"}, 3, "Or, for a WSGI application (Flask, Django's wsgi.py), set worker"),
        ("FastAPI", {"worker_class": "sync"}, 4, "main:app is an ASGI application, and worker_class"),
        ("Django", {"worker_class": "uvicorn"}, 4, 'Set worker_class to "sync" or "gthread".'),
        ("Django", {"host": "shop.example"}, 4, "set host to one of them; the request's was shop.example."),
        ("Django", {"path": "/users"}, 4, 'Set path to "/users/" to measure what it leads to.'),
        ("FastAPI", {"method": "GET", "body": ""}, 4, "status 405 instead of 2xx"),
        ("FastAPI", {"host": "localhost"}, 4, "It says: 'Invalid host header'."),
    ],
)
def test_what_keeps_an_application_from_being_measured_is_told_with_the_setting(
    place: Place, framework: str, settings: dict[str, object], code: int, sentence: str
) -> None:
    words = shlex.split(next(iter(place.runs)))
    ended = barehop(place.directory, *words[1:], *fixed(2, 2), *sets(**settings))
    assert ended.code == code
    assert " ".join(sentence.split()) in " ".join(ended.err.split())


@pytest.mark.parametrize("settings", [{}, {"app": "app.wsgi:app", "worker_class": "sync"}], ids=["asgi", "wsgi"])
def test_the_own_application_is_measured_with_a_body(tmp_path: Path, settings: dict[str, object]) -> None:
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 2), *sets(**POST, **settings))
    assert ended.code == 0, ended.err
    assert "app_dir" not in ended.err


def test_an_application_with_the_name_of_our_own_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("raise RuntimeError")
    ended = barehop(tmp_path, "run", "quick", *fixed(2, 2), *sets(app="app.main:app"))
    assert ended.code == 0, ended.err
    assert "The application app.main:app is barehop's own. The current directory contains one of" in ended.err
