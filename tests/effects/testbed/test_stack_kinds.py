"""Every kind of stack that an experiment can ask for comes up and is gone afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.load.probe import probe_target
from harness.model import Design, Experiment
from harness.observe.proof import prove
from harness.testbed.blueprint import blueprints_of
from harness.testbed.processes.process import own_pids
from harness.testbed.stack.start import start_stacks
from tests.support.stacks import TRANSPORTS, answer, arm, blueprint_for, machine_of, stack_of


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
        stack.check_workers()
    assert everybody
    assert not any(process.is_running() for process in everybody)
    assert not any(directory.exists() for directory in stack.blueprint.private_directories)


def test_separate_stacks_are_up_at_the_same_time_and_share_nothing(tmp_path: Path) -> None:
    arms = tuple(arm(name, transport=name) for name in TRANSPORTS)
    design = Design(processes="separate")
    experiment = Experiment(name="x", question="?", arms=arms, pairs=(("uds-dir", "tcp"),), design=design)
    blueprints = blueprints_of(experiment, tmp_path / "stack", machine_of(tmp_path))
    with start_stacks(blueprints, probe_target) as stacks:
        assert prove(stacks).keys() == set(TRANSPORTS)
        pids = [pid for stack in stacks for role in stack.pids.values() for pid in role]
        assert len(set(pids)) == len(pids) == 2 * len(TRANSPORTS)
        assert len({stack.blueprint.directory for stack in stacks}) == len(TRANSPORTS)
        for stack in stacks:
            stack.check_workers()
    assert not any(directory.exists() for blueprint in blueprints for directory in blueprint.private_directories)


def test_servers_of_a_session_end_while_the_next_ones_start(tmp_path: Path) -> None:
    before = own_pids()
    with ExitStack() as ending:
        with start_stacks([blueprint_for(tmp_path / "first", arm())], probe_target, ending=ending):
            first = own_pids() - before
        with start_stacks([blueprint_for(tmp_path / "second", arm())], probe_target, ending=ending) as stacks:
            assert not first & own_pids()
            assert prove(stacks)
            second = own_pids() - before
    assert len(first) == len(second) > 2
    assert not second & own_pids()


def test_servers_of_a_session_that_failed_end_at_once(tmp_path: Path) -> None:
    before, blueprint = own_pids(), blueprint_for(tmp_path, arm())
    with ExitStack() as ending:
        with pytest.raises(ZeroDivisionError), start_stacks([blueprint], probe_target, ending=ending):
            raise ZeroDivisionError
        assert own_pids() <= before


def test_a_stack_comes_up_in_directories_with_odd_names(tmp_path: Path, odd_directory: Path) -> None:
    machine = replace(machine_of(tmp_path), parents={"tmpfs": odd_directory, "directory": odd_directory})
    arms = (arm(), arm("a name\nof two lines }", transport="uds-dir"))
    with stack_of(blueprint_for(odd_directory, *arms, machine=machine)) as stack:
        assert {answer(target).status for target in stack.blueprint.targets.values()} == {200}


@pytest.fixture
def odd_directory() -> Iterator[Path]:
    """Short enough for a socket, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="it's {a} #;") as name:
        yield Path(name)


def test_a_blueprint_makes_nothing_and_wants_no_directory_that_it_does_not_need(tmp_path: Path) -> None:
    blueprint = blueprint_for(tmp_path, arm())
    assert len(blueprint.private_directories) == 1
    assert not any(directory.exists() for directory in blueprint.private_directories)
    assert list(tmp_path.iterdir()) == []
