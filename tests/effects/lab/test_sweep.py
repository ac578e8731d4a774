"""What a run leaves whose keepers were killed as well is swept by the next one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.lab.directories import private_name, sweep, tmpfs_parent


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
    sweep()
    assert not left.exists()


def test_a_directory_that_a_process_still_names_stays(left: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", str(left)], stdin=subprocess.PIPE):
        sweep()
        assert left.exists()


def test_other_peoples_directories_stay(left: Path) -> None:
    other = left.with_name("barehop-is-not-a-run")
    other.mkdir()
    try:
        sweep()
        assert other.exists()
    finally:
        other.rmdir()
