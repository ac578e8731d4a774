import os
import re
from pathlib import Path

import pytest

from harness.testbed.machine.procfs import (
    MEMORY_KINDS,
    Filesystem,
    filesystem_by_statfs,
    filesystem_of,
    is_tmpfs,
    mounts_on_root,
    read_mounts,
)

TABLE = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 27 0:30 / /run rw,nosuid shared:2 master:3 - tmpfs tmpfs rw,size=64k
31 27 0:31 / /run/deep rw - ext4 /dev/hidden rw
32 30 0:32 / /run/top rw - ext2 /dev/lower rw
33 32 0:33 / /run/top rw,noatime - xfs /dev/upper rw,attr2
34 27 0:34 /part\040one /mnt/with\040space\134 ro - btrfs /dev/b\011c rw,subvol=/x
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(TABLE.lstrip())
    return tmp_path


def kind(path: str, proc: Path) -> str:
    return filesystem_of(Path(path), proc).kind


def test_the_nearest_mount_above_a_path_is_its_file_system(proc: Path) -> None:
    assert kind("/srv/socket", proc) == "ext4"
    assert kind("/run/socket", proc) == "tmpfs"
    assert kind("/runner", proc) == "ext4"


def test_a_later_mount_hides_what_was_mounted_there_before(proc: Path) -> None:
    assert filesystem_of(Path("/run/top/socket"), proc).source == "/dev/upper"


def test_a_mount_below_one_that_was_covered_is_never_met(proc: Path) -> None:
    assert kind("/run/deep/socket", proc) == "tmpfs"


def test_names_are_unescaped_and_options_of_mount_and_file_system_joined(proc: Path) -> None:
    assert filesystem_of(Path("/mnt/with space\\/x"), proc) == Filesystem(
        "btrfs", "/mnt/with space\\", ("ro", "rw", "subvol=/x"), "/dev/b\tc", "/part one", 34, 27
    )


def test_without_a_mount_table_statfs_says_what_there_is(tmp_path: Path) -> None:
    found = filesystem_of(Path("/dev/shm/not-yet/socket"), tmp_path)
    assert (found.kind, found.mount_point) == (filesystem_of(Path("/dev/shm")).kind, "unknown")
    assert set(found.options) & {"noatime", "relatime"} == set(filesystem_of(Path("/dev/shm")).options) & {
        "noatime", "relatime",
    }  # fmt: skip
    assert mounts_on_root(tmp_path) == []


CHROOT = """
40 27 0:21 / /proc rw,relatime - proc proc rw
41 27 0:22 / /dev/shm rw,nosuid - tmpfs tmpfs rw
42 41 0:23 / /dev/shm/deeper rw - xfs /dev/upper rw
"""


def test_in_a_chroot_whose_root_is_no_mount_the_mounts_inside_are_found(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(CHROOT.lstrip())
    assert kind("/dev/shm/socket", tmp_path) == "tmpfs"
    assert kind("/dev/shm/deeper/socket", tmp_path) == "xfs"
    assert kind("/usr", tmp_path) == kind("/usr", tmp_path / "nothing")
    assert [mount.mount_point for mount in mounts_on_root(tmp_path)] == ["/proc", "/dev/shm"]


def kernels_mount_id(path: Path) -> int:
    descriptor = os.open(path, os.O_PATH)
    try:
        text = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    finally:
        os.close(descriptor)
    found = re.search(r"^mnt_id:\s*(\d+)$", text, re.MULTILINE)
    assert found
    return int(found[1])


def test_the_kernel_names_the_same_mount_for_every_directory_mounted_here() -> None:
    points = {Path(mount.mount_point) for mount in read_mounts()}
    reachable = [point for point in points if point.is_dir() and not point.is_symlink()]
    assert {point: filesystem_of(point).mount_id for point in reachable} == {
        point: kernels_mount_id(point) for point in reachable
    }


def test_statfs_and_the_mount_table_agree_on_what_lives_in_memory() -> None:
    for path in map(Path, ("/", "/proc", "/sys", "/dev", "/dev/shm")):
        assert is_tmpfs(path) == (filesystem_by_statfs(path).kind in MEMORY_KINDS), path


def test_what_does_not_exist_yet_is_on_the_file_system_of_its_nearest_parent(tmp_path: Path) -> None:
    assert filesystem_by_statfs(tmp_path / "absent") == filesystem_by_statfs(tmp_path)
    assert is_tmpfs(tmp_path / "absent") == is_tmpfs(tmp_path)
