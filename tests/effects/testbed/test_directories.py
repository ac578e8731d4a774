"""Private directories are made where the right kind of file system is, whatever the surroundings say."""

import tempfile
from pathlib import Path

import pytest

from harness.testbed.machine.directories import disk_parent, private_name, socket_problem, tmpfs_parent
from harness.testbed.machine.procfs import is_tmpfs


def test_each_kind_of_parent_is_what_it_is_called(tmp_path: Path) -> None:
    for parent, kind in ((tmpfs_parent(), True), (disk_parent(tmp_path), False)):
        if parent is not None:
            assert is_tmpfs(parent) is kind
            with tempfile.TemporaryDirectory(dir=parent):
                pass


@pytest.mark.parametrize("value", ["", "/absent", "relative", "/etc/passwd", "a\nb"])
def test_odd_surroundings_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in ("TMPDIR", "HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, value)
    found = [tmpfs_parent(), disk_parent(tmp_path / "absent")]
    assert all(parent is None or parent.is_dir() for parent in found)


def test_without_a_home_there_is_still_a_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    found = disk_parent(tmp_path)
    assert found is None or found.is_dir()


def test_no_two_private_directories_are_called_alike() -> None:
    assert len({private_name() for _ in range(1000)}) == 1000


def test_a_socket_path_is_counted_in_bytes_as_the_kernel_does() -> None:
    assert socket_problem(Path("/" + "a" * 106)) is None
    assert (
        socket_problem(Path("/" + "a" * 107))
        == f"The socket path /{'a' * 107} is 108 bytes long; the kernel takes 107."
    )
    assert socket_problem(Path("/" + "\N{LATIN SMALL LETTER E WITH ACUTE}" * 60)) is not None
