"""Directories and files that are ours alone: no other user can read, change or replace them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import MachineError
from harness.lab.kernelfiles import HERE, Roots, read, read_int

STATE_VARIABLE = "BAREHOP_STATE"
ROOT_UID = 0
MOST_LINKS = 40  # symbolic links in a path, as in the kernel's own walk
MOST_BYTES = 1 << 20
ADVICE = (
    f"Nothing in it is used. Examine and remove it, or choose another place (for the state directory: "
    f"{STATE_VARIABLE})."
)
EVERY_UID = 2**32 - 1  # number of user ids in the initial user namespace


class UnsafeError(MachineError):
    """Another user could change a file or directory."""


def private_directory(path: Path, roots: Roots = HERE) -> Path:
    """Make `path` with mode 0700 where it is missing. Raises UnsafeError where it is not ours alone, or OSError."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the links that are to be examined
    if problem := _problem_above(path, _trusted_uids(roots)):
        raise UnsafeError(problem)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if problem := _problem_above(path, _trusted_uids(roots)) or _problem_of(path, path.stat()):
        raise UnsafeError(problem)
    return path


@contextmanager
def private_file(path: Path, flags: int) -> Iterator[int]:
    """Open a regular file of a private directory without following links. Raises UnsafeError or OSError."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise UnsafeError(f"{path} is not a regular file with one link. {ADVICE}")
        if problem := _problem_of(path, status):
            raise UnsafeError(problem)
        yield descriptor
    finally:
        os.close(descriptor)


def read_private(path: Path) -> bytes:
    """Return the content of a private file. Raises UnsafeError, also above 1 MB, or OSError."""
    if path.is_symlink():
        raise UnsafeError(f"{path} is a symbolic link. {ADVICE}")
    with private_file(path, os.O_RDONLY) as descriptor:
        content = os.read(descriptor, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnsafeError(f"{path} has more than {MOST_BYTES} bytes. {ADVICE}")
    return content


def _problem_of(path: Path, status: os.stat_result) -> str | None:
    if status.st_uid != os.geteuid():
        return f"{path} belongs to user {status.st_uid}, and this process is user {os.geteuid()}. {ADVICE}"
    if _is_open_to_others(status):
        return f"{path} may be written by other users (mode {stat.S_IMODE(status.st_mode):04o}). {ADVICE}"
    return None


def _problem_above(path: Path, trusted: set[int]) -> str | None:
    """Return why another user could replace a part of `path`, or None; a part that does not exist is no problem."""
    directory, remaining, links = Path("/"), list(path.parts[1:]), 0
    while remaining:
        step = directory / remaining.pop(0)
        try:
            status = step.lstat()
        except FileNotFoundError:
            return None
        if status.st_uid not in trusted:
            return f"{step}, on the way to {path}, belongs to user {status.st_uid}. {ADVICE}"
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > MOST_LINKS or not remaining:
                return f"{step} is a symbolic link. {ADVICE}"
            target = step.readlink()
            remaining = [*(part for part in target.parts if part != "/"), *remaining]
            directory = Path("/") if target.is_absolute() else directory
        elif _is_open_to_others(status) and not status.st_mode & stat.S_ISVTX:
            return f"{step}, on the way to {path}, may be written by other users. {ADVICE}"
        else:
            directory = Path(os.path.normpath(step))
    return None


def _is_open_to_others(status: os.stat_result) -> bool:
    """Return whether other users may write; the user's own group does not count as others."""
    by_group = status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid()
    return bool(status.st_mode & stat.S_IWOTH or by_group)


def _trusted_uids(roots: Roots) -> set[int]:
    """Return the ids of root and this user. In a user namespace, files of the real root show the overflow id."""
    id_map = (read(roots.proc / "self/uid_map") or "").split()
    is_partial = len(id_map) != 3 or int(id_map[2]) != EVERY_UID
    overflow = read_int(roots.proc / "sys/kernel/overflowuid")
    return {ROOT_UID, os.geteuid(), *([overflow] if is_partial and overflow is not None else [])}
