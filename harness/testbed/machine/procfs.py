"""Reads /proc and /sys: values, mounts, idle states."""

import ctypes
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.model.plugins import parse_cpu_list


@dataclass(frozen=True, slots=True)
class Roots:
    """The directory of the machine's files; tests give another `top`."""

    top: Path = Path("/")

    @property
    def proc(self) -> Path:
        """The directory of procfs."""
        return self.top / "proc"

    @property
    def sys(self) -> Path:
        """The directory of sysfs."""
        return self.top / "sys"

    @property
    def etc(self) -> Path:
        """The directory of configuration files."""
        return self.top / "etc"


HOST_ROOTS = Roots()

# linux/magic.h
FILESYSTEM_NAMES = {
    0x01021994: "tmpfs", 0x858458F6: "ramfs", 0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs",
    0x2FC12FC1: "zfs", 0xF2F52010: "f2fs", 0xCA451A4E: "bcachefs", 0x794C7630: "overlay", 0x73717368: "squashfs",
    0xE0F5E1E2: "erofs", 0x6969: "nfs", 0xFF534D42: "cifs", 0x01021997: "9p", 0x65735546: "fuse", 0x4D44: "vfat",
    0x9FA0: "proc", 0x62656572: "sysfs",
}  # fmt: skip
MEMORY_KINDS = ("tmpfs", "devtmpfs", "ramfs", "rootfs")
MOUNT_FLAG_NAMES = {
    os.ST_RDONLY: "ro", os.ST_NOSUID: "nosuid", os.ST_NODEV: "nodev", os.ST_NOEXEC: "noexec",
    os.ST_NOATIME: "noatime", os.ST_NODIRATIME: "nodiratime", os.ST_RELATIME: "relatime",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filesystem:
    """A row of the mount table. `options` are the mount's and the file system's, each once."""

    kind: str
    mount_point: str
    options: tuple[str, ...]
    source: str
    root: str = "/"  # the part of the file system that is mounted
    mount_id: int = 0
    parent_id: int = 0


UNSEEN_ROOT = Filesystem("unknown", "unknown", (), "unknown", mount_id=-1)  # of "/", where the table does not show it


def idle_states(roots: Roots = HOST_ROOTS) -> dict[str, int]:
    """Return the exit latency in us of each enabled idle state of CPU 0, shallow first."""
    states = sorted((roots.sys / "devices/system/cpu/cpu0/cpuidle").glob("state*"))
    rows = [(read_text(state / "name"), read_int(state / "latency"), read_text(state / "disable")) for state in states]
    return {name: latency_us for name, latency_us, off in rows if name and latency_us is not None and off != "1"}


def read_text(path: Path) -> str | None:
    """Return the file's text without surrounding white space; None when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip(" \t\n\0")
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """Return the number in a file; None when it cannot be read or is no integer."""
    text = read_text(path)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def read_texts(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the texts of those files of `directory` that can be read, by name."""
    texts = {name: read_text(directory / name) for name in names}
    return {name: text for name, text in texts.items() if text is not None}


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the CPUs of a kernel list: "0-2,8" is (0, 1, 2, 8), "" is (). Raises ValueError."""
    return parse_cpu_list(re.sub(r"\s", "", text)) if text.strip() else ()


def format_cpus(numbers: Iterable[int]) -> str:
    """Return the kernel's list of CPUs: (0, 1, 2, 8) is "0-2,8"."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ranges)


def filesystem_of(path: Path, proc: Path = Path("/proc")) -> Filesystem:
    """Return the mount of `path`; where it does not exist yet, that of its nearest parent.

    In a chroot the mount of "/" may be missing from the table; then statfs alone tells its file system.
    """
    target = path.resolve()
    mount = _mount_of(target, _mount_tree(proc))
    return filesystem_by_statfs(target) if mount == UNSEEN_ROOT else mount


def mounts_on_root(proc: Path = Path("/proc")) -> list[Filesystem]:
    """Return the mounts that lie directly on the file system of "/"."""
    mounts = _mount_tree(proc)
    root = _mount_of(Path("/"), mounts)
    return [mount for mount in mounts if mount.parent_id == root.mount_id]


def is_tmpfs(path: Path) -> bool:
    """Return whether `path` lives in memory."""
    return filesystem_of(path).kind in MEMORY_KINDS


def filesystem_by_statfs(path: Path) -> Filesystem:
    """Return the file system of `path` or its nearest existing parent, as far as statfs tells."""
    existing = next(level for level in (path, *path.parents) if level.exists())
    # f_type is the first word of struct statfs in glibc and musl, a long on x86_64 and aarch64; the rest differs.
    answer = (ctypes.c_ulong * 64)()
    if ctypes.CDLL(None).statfs(os.fsencode(existing), ctypes.byref(answer)) != 0:
        return UNSEEN_ROOT
    magic, flags = int(answer[0]) & 0xFFFFFFFF, os.statvfs(existing).f_flag
    options = tuple(name for flag, name in MOUNT_FLAG_NAMES.items() if flags & flag)
    return replace(UNSEEN_ROOT, kind=FILESYSTEM_NAMES.get(magic, f"type {magic:#x}"), options=options)


def read_mounts(proc: Path = Path("/proc")) -> list[Filesystem]:
    """Return every mount that this process sees, in the table's order."""
    # Not splitlines: a mount point may contain other line ends of Unicode.
    return [_parse_row(line) for line in (read_text(proc / "self/mountinfo") or "").split("\n") if line]


def _parse_row(line: str) -> Filesystem:
    """Parse mountinfo's `id parent major:minor root point options [optional ...] - kind source super_options`."""
    mount, _, filesystem = line.partition(" - ")
    mount_id, parent_id, _, root, point, options, *_ = mount.split(" ")
    kind, source, super_options = filesystem.split(" ")[:3]
    all_options = dict.fromkeys([*options.split(","), *super_options.split(",")])
    return Filesystem(
        kind, _unescape(point), tuple(all_options), _unescape(source), _unescape(root), int(mount_id), int(parent_id)
    )


def _unescape(text: str) -> str:
    r"""Decode space, tab, newline and backslash, which are written as \040 and so on."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _mount_tree(proc: Path) -> list[Filesystem]:
    """Return the mounts; the root mount, and others whose parent the table does not show, lie on UNSEEN_ROOT."""
    mounts = read_mounts(proc)
    ids, unseen = {mount.mount_id for mount in mounts}, UNSEEN_ROOT.mount_id
    return [
        mount if mount.parent_id in ids - {mount.mount_id} else replace(mount, parent_id=unseen) for mount in mounts
    ]


def _mount_of(target: Path, mounts: list[Filesystem]) -> Filesystem:
    """Walk down the tree of mounts to `target`, as the kernel does, so mounts hidden by later ones do not count."""
    mount = UNSEEN_ROOT
    while above := [m for m in mounts if m.parent_id == mount.mount_id and target.is_relative_to(m.mount_point)]:
        mount = min(above, key=lambda m: len(m.mount_point))
    return mount
