"""What a run leaves whose keepers were killed as well is swept by the next one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.testbed.machine.directories import private_name, remove_leftovers, tmpfs_parent
from harness.testbed.processes.process import SupervisedCommand, start_command
from tests.support.misbehaving_services import python_environment


@pytest.fixture
def left() -> Iterator[Path]:
    """A directory as a killed run leaves it."""
    parent = tmpfs_parent()
    assert parent
    directory = parent / private_name()
    (directory / "body").mkdir(parents=True)
    yield directory
    if directory.exists():
        (directory / "body").rmdir()
        directory.rmdir()


def test_a_directory_that_no_process_names_is_removed(left: Path) -> None:
    remove_leftovers()
    assert not left.exists()


def test_a_directory_that_a_process_still_names_stays(left: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", str(left)], stdin=subprocess.PIPE):
        remove_leftovers()
        assert left.exists()


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_run_in_another_process_namespace_keeps_its_directories(tmp_path: Path) -> None:
    """Whoever sweeps cannot see the processes of that run, and yet must not take its sockets away."""
    parent = tmpfs_parent()
    assert parent
    directory = parent / private_name()
    sweeping = "from harness.testbed.machine.directories import remove_leftovers; remove_leftovers()"
    aside = ("unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", sweeping)
    with start_command(SupervisedCommand("a holder", (), tmp_path / "log", directories=(directory,))):
        subprocess.run(aside, env=python_environment(), check=True)
        assert directory.exists()
    assert not directory.exists()


def test_other_peoples_directories_stay(left: Path) -> None:
    other = left.with_name("barehop-is-not-a-run")
    other.mkdir()
    try:
        remove_leftovers()
        assert other.exists()
    finally:
        other.rmdir()
