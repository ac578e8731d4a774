"""What is around a stack, or what its application says, changes nothing of how it is served."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.testbed.stack.stack import Stack
from tests.support.stacks import APPLICATIONS, answer, blueprint_for, odd_arm, stack_of

PATH = "/a%20b/c?x=1&y=%2F"
TOLD = {"GUNICORN_CMD_ARGS": "--env=FROM_ARGUMENTS=1", "WEB_CONCURRENCY": "3", "PYTHONHASHSEED": "0"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An odd application without and with connections kept, started from where gunicorn is told all kinds of things."""
    directory = tmp_path_factory.mktemp("surroundings")
    (directory / "gunicorn.conf.py").write_text("raw_env = ['FROM_FILE=1']\n")
    arms = (odd_arm(PATH), odd_arm(PATH, name="kept", upstream_keepalive=4))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for name, value in {"KEPT": "as it is", **TOLD}.items():
            patch.setenv(name, value)
        with stack_of(blueprint_for(directory, *arms)) as running:
            yield running


def said(body: bytes) -> Mapping[str, Any]:
    found = json.loads(body)
    assert isinstance(found, dict)
    return found


def test_what_is_checked_is_what_is_measured_down_to_the_query(stack: Stack) -> None:
    measured = {name: said(answer(target).body) for name, target in stack.blueprint.targets.items()}
    checked = {name: said(reply.body) for name, reply in stack.replies.items()}
    assert measured == checked
    assert {each["path"] for each in measured.values()} == {PATH}


def test_without_kept_connections_the_hop_speaks_http_1_0(stack: Stack) -> None:
    spoken = {name: said(reply.body)["http_version"] for name, reply in stack.replies.items()}
    assert spoken == {"tcp": "1.0", "kept": "1.1"}


def test_an_application_cannot_forge_who_served(stack: Stack) -> None:
    assert stack.replies["tcp"].headers["x-barehop-upstream"] == stack.blueprint.expected_server("tcp")


def test_nothing_of_the_surroundings_changes_gunicorn(stack: Stack) -> None:
    environment = said(stack.replies["tcp"].body)["environment"]
    assert len(stack.pids["app"]) == 1
    assert environment["KEPT"] == "as it is"
    assert not {*TOLD, "FROM_ARGUMENTS", "FROM_FILE"} & environment.keys()


def test_the_application_runs_where_its_directory_is(stack: Stack) -> None:
    assert Path(said(stack.replies["tcp"].body)["cwd"]) == APPLICATIONS
