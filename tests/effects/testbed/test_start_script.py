"""`start.sh` brings the stack up by hand, and Ctrl-C leaves nothing of it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.load.probe import probe_target
from harness.model import Reply
from harness.testbed.blueprint import Blueprint
from harness.testbed.network.sockmap import sockmap_problem
from tests.support.misbehaving_services import MARK, end_marked, eventually, marked
from tests.support.stacks import TEN_LINE_SERVER, TRANSPORTS, arm, blueprint_for, machine_of, needs_mptcp, stack_of


@pytest.fixture
def blueprint() -> Iterator[Blueprint]:
    """Of a stack that was up once, in directories with names that a shell must be shown with care."""
    with tempfile.TemporaryDirectory(prefix="it's $HOME ") as name:
        directory = Path(name)
        machine = replace(machine_of(directory), parents={"tmpfs": directory, "directory": directory})
        made = blueprint_for(directory, *(arm(each, transport=each, tls=True) for each in TRANSPORTS), machine=machine)
        with stack_of(made):
            pass
        yield made


def interrupt_the_shell(script: subprocess.Popen[str]) -> None:
    script.send_signal(signal.SIGINT)


def press_control_c(script: subprocess.Popen[str]) -> None:
    os.killpg(script.pid, signal.SIGINT)


@pytest.mark.parametrize("interrupt", [interrupt_the_shell, press_control_c])
def test_the_script_brings_up_the_same_stack_and_ends_it(
    blueprint: Blueprint, interrupt: Callable[[subprocess.Popen[str]], None]
) -> None:
    bring_up(blueprint, interrupt)


@needs_mptcp
def test_the_script_hands_sockets_of_multipath_tcp_over(tmp_path: Path) -> None:
    blueprint = blueprint_for(tmp_path, arm(transport="mptcp"))
    with stack_of(blueprint):
        pass
    bring_up(blueprint, interrupt_the_shell)


def test_the_script_starts_a_command_in_its_directory(tmp_path: Path) -> None:
    shutil.copy(TEN_LINE_SERVER, tmp_path / "server.py")
    blueprint = blueprint_for(tmp_path, arm(command="{python} server.py {host} {port}", app_dir=str(tmp_path)))
    with stack_of(blueprint):
        pass
    bring_up(blueprint, interrupt_the_shell)


@pytest.mark.skipif(bool(sockmap_problem()), reason=sockmap_problem())
def test_the_script_holds_a_sockmap(tmp_path: Path) -> None:
    blueprint = blueprint_for(tmp_path, arm(transport="tcp-sockmap"))
    with stack_of(blueprint):
        pass
    bring_up(blueprint, interrupt_the_shell)
    assert not any(group.exists() for group in blueprint.socket_groups)


def bring_up(blueprint: Blueprint, interrupt: Callable[[subprocess.Popen[str]], None]) -> None:
    """Run the script of a stack until every arm has answered, then end it, and see that nothing is left."""
    mark = f"script-{blueprint.private_directories[0].name}"
    with (
        subprocess.Popen(
            [blueprint.directory / "start.sh"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, MARK: mark, "GUNICORN_CMD_ARGS": "--certfile=/absent"},
            start_new_session=True,
        ) as script,
        end_marked(mark),
    ):
        for target in blueprint.targets.values():
            assert eventually(lambda: is_right(probe_target(target, target.path)))  # noqa: B023 - is called at once
        interrupt(script)
        output = script.communicate(timeout=60)[0]
        assert script.returncode == 130
        assert output == "".join(f"{name}: {target.url}\n" for name, target in blueprint.targets.items())
        assert marked(mark) == set()
    assert not any(directory.exists() for directory in blueprint.private_directories)


def is_right(reply: Reply | str) -> bool:
    return isinstance(reply, Reply) and reply.status == 200


def test_a_script_whose_gunicorn_fails_ends_and_leaves_nothing(blueprint: Blueprint) -> None:
    script = blueprint.directory / "start.sh"
    script.write_text(script.read_text().replace("app.main:app", "app.absent:app"))
    ended = subprocess.run([script], capture_output=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert not any(directory.exists() for directory in blueprint.private_directories)
