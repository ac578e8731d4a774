"""Private directories are made where the right kind of file system is, whatever the surroundings say."""

import os
import tempfile
from pathlib import Path

import pytest

from harness.testbed.machine import directories
from harness.testbed.machine.directories import disk_parent, private_name, socket_problem, tmpfs_parent
from harness.testbed.machine.procfs import is_tmpfs

VARIABLES = ("TMPDIR", "HOME", "XDG_RUNTIME_DIR")


def test_each_kind_of_parent_is_what_it_is_called(tmp_path: Path) -> None:
    for parent, kind in ((tmpfs_parent(), True), (disk_parent(tmp_path), False)):
        if parent is not None:
            assert is_tmpfs(parent) is kind
            with tempfile.TemporaryDirectory(dir=parent):
                pass


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """No directory that is always tried has room, and none is on tmpfs: what the environment names decides."""
    always = {Path(place).resolve() for place in ("/dev/shm", f"/run/user/{os.getuid()}", "/tmp", "/var/tmp")}
    monkeypatch.setattr(directories, "_has_room", lambda path: path not in always)
    monkeypatch.setattr(directories, "is_tmpfs", lambda path: False)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("value", [None, "", "/absent", "relative", "/etc/passwd", "a\nb"])
def test_odd_surroundings_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    for name in VARIABLES if value is not None else ():
        monkeypatch.setenv(name, str(value))
    assert (tmpfs_parent(), disk_parent(tmp_path)) == (None, tmp_path.resolve())


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("name", ["TMPDIR", "HOME"])
def test_a_directory_that_the_environment_names_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "named").mkdir()
    monkeypatch.setenv(name, str(tmp_path / "named"))
    assert disk_parent(tmp_path) == (tmp_path / "named").resolve()


def test_no_two_private_directories_are_called_alike() -> None:
    assert len({private_name() for _ in range(1000)}) == 1000


def test_a_socket_path_is_counted_in_bytes_as_the_kernel_does() -> None:
    assert socket_problem(Path("/" + "a" * 106)) is None
    assert (
        socket_problem(Path("/" + "a" * 107))
        == f"The socket path /{'a' * 107} is 108 bytes long; the kernel takes 107."
    )
    assert socket_problem(Path("/" + "\N{LATIN SMALL LETTER E WITH ACUTE}" * 60)) is not None
