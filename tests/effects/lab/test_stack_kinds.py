"""Every kind of stack that an experiment can ask for comes up and is gone afterwards."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from stacks import TRANSPORTS, answer, arm, blueprint_for, machine_of, odd_arm, stack_of

from harness.evidence.proof import prove
from harness.lab.blueprint import Machine, blueprints_of
from harness.lab.process import own_pids
from harness.lab.stack import running_stacks
from harness.load.ask import ask
from harness.model import Arm, Design, Experiment


@pytest.mark.parametrize(
    "settings",
    [
        {"worker_class": "sync", "app": "app.wsgi:app", "workers": 6},
        {"worker_class": "asgi", "upstream_keepalive": 16},
        {"worker_class": "uvicorn", "workers": 3, "transport": "uds-tmpfs", "client_keepalive": True},
    ],
    ids=["sync", "asgi", "uvicorn"],
)
def test_every_worker_class_serves_with_as_many_workers_as_asked(tmp_path: Path, settings: dict[str, Any]) -> None:
    before = own_pids()
    with stack_of(blueprint_for(tmp_path, arm(**settings))) as stack:
        everybody = [psutil.Process(pid) for pid in own_pids() - before]
        assert len(stack.pids["app"]) == settings.get("workers", 1)
        assert len(stack.pids["nginx"]) == 1
        assert answer(stack.blueprint.targets["tcp"]).headers["content-type"] == "application/json"
        prove([stack])
        stack.check()
    assert everybody
    assert not any(process.is_running() for process in everybody)
    assert not any(directory.exists() for directory in stack.blueprint.private)


def test_separate_stacks_are_up_at_the_same_time_and_share_nothing(tmp_path: Path) -> None:
    arms = tuple(arm(name, transport=name) for name in TRANSPORTS)
    design = Design(processes="separate")
    experiment = Experiment(name="x", question="?", arms=arms, pairs=(("uds-dir", "tcp"),), design=design)
    blueprints = blueprints_of(experiment, tmp_path / "stack", machine_of(tmp_path))
    with running_stacks(blueprints, ask) as stacks:
        assert prove(stacks).keys() == set(TRANSPORTS)
        pids = [pid for stack in stacks for role in stack.pids.values() for pid in role]
        assert len(set(pids)) == len(pids) == 6
        assert len({stack.blueprint.directory for stack in stacks}) == 3
        for stack in stacks:
            stack.check()
    assert not any(directory.exists() for blueprint in blueprints for directory in blueprint.private)


def test_what_is_checked_is_what_is_measured_down_to_the_query(tmp_path: Path) -> None:
    path = "/a%20b/c?x=1&y=%2F"
    arms = [odd_arm(path), odd_arm(path).model_copy(update={"name": "kept"})]
    arms[1] = Arm(name="kept", settings=arms[0].settings.model_copy(update={"upstream_keepalive": 4}))
    with stack_of(blueprint_for(tmp_path, *arms)) as stack:
        measured = {name: said(answer(target).body) for name, target in stack.blueprint.targets.items()}
        checked = {name: said(reply.body) for name, reply in stack.replies.items()}
    assert measured == checked
    assert {each["path"] for each in measured.values()} == {path}
    assert [each["http_version"] for each in measured.values()] == ["1.0", "1.1"]


def test_an_application_cannot_forge_who_served(tmp_path: Path) -> None:
    with stack_of(blueprint_for(tmp_path, odd_arm("/"))) as stack:
        assert stack.replies["tcp"].headers["x-barehop-upstream"] == stack.blueprint.server("tcp")


def test_nothing_of_the_surroundings_changes_gunicorn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers=3")
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("KEPT", "as it is")
    with stack_of(blueprint_for(tmp_path, odd_arm("/"))) as stack:
        environment = said(stack.replies["tcp"].body)["environment"]
        assert len(stack.pids["app"]) == 1
    assert environment["KEPT"] == "as it is"
    assert not {"GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "PYTHONHASHSEED"} & environment.keys()


def test_a_stack_comes_up_in_directories_with_odd_names(tmp_path: Path, odd_directory: Path) -> None:
    machine = replace(machine_of(tmp_path), parents={"tmpfs": odd_directory, "directory": odd_directory})
    arms = (arm(), arm("a name\nof two lines }", transport="uds-dir"))
    with stack_of(blueprint_for(odd_directory, *arms, machine=machine)) as stack:
        assert {answer(target).status for target in stack.blueprint.targets.values()} == {200}


@pytest.fixture
def odd_directory() -> Iterator[Path]:
    """Short enough for a socket, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="it's {a} #;"))
    yield directory
    shutil.rmtree(directory)


def said(body: bytes) -> Mapping[str, Any]:
    found = json.loads(body)
    assert isinstance(found, dict)
    return found


def test_the_application_runs_where_its_directory_is(tmp_path: Path) -> None:
    with stack_of(blueprint_for(tmp_path, odd_arm("/"))) as stack:
        assert Path(said(stack.replies["tcp"].body)["cwd"]) == Path(__file__).parent


def test_no_machine_has_more_private_directories_than_it_needs(tmp_path: Path) -> None:
    machine: Machine = machine_of(tmp_path)
    assert len(blueprint_for(tmp_path, arm(), machine=machine).private) == 1
    assert not list(tmp_path.iterdir()), "a blueprint makes nothing"
    assert os.listdir(tmp_path) == []
