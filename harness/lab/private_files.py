"""Directories and files that are ours alone: another user can neither read, change nor replace them."""

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
WAY_OUT = (
    f"Nothing in it is used. Look at it and remove it, or name another place ({STATE_VARIABLE} is for the state "
    "directory)."
)
EVERY_UID = 2**32 - 1  # how many user ids the initial user namespace has


class UnsafeError(MachineError):
    """Another user could change what lies there."""


def private_directory(path: Path, roots: Roots = HERE) -> Path:
    """Make `path` with mode 0700 where it is missing. Raises UnsafeError where it is not ours alone, or OSError."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the links that are to be examined
    if problem := _problem_above(path, _trusted(roots)):
        raise UnsafeError(problem)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if problem := _problem_above(path, _trusted(roots)) or _problem_of(path, path.stat()):
        raise UnsafeError(problem)
    return path


@contextmanager
def private_file(path: Path, flags: int) -> Iterator[int]:
    """Open a regular file of a private directory without following links. Raises UnsafeError or OSError."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
            raise UnsafeError(f"{path} is no regular file with a single name. {WAY_OUT}")
        if problem := _problem_of(path, facts):
            raise UnsafeError(problem)
        yield descriptor
    finally:
        os.close(descriptor)


def read_private(path: Path) -> bytes:
    """The content of a private file. Raises UnsafeError, also where it is larger than 1 MB, or OSError."""
    if path.is_symlink():
        raise UnsafeError(f"{path} is a symbolic link. {WAY_OUT}")
    with private_file(path, os.O_RDONLY) as descriptor:
        content = os.read(descriptor, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnsafeError(f"{path} has more than {MOST_BYTES} bytes. {WAY_OUT}")
    return content


def _problem_of(path: Path, facts: os.stat_result) -> str | None:
    if facts.st_uid != os.geteuid():
        return f"{path} belongs to user {facts.st_uid}, and this process is user {os.geteuid()}. {WAY_OUT}"
    if _is_open_to_others(facts):
        return f"{path} may be written by other users (mode {stat.S_IMODE(facts.st_mode):04o}). {WAY_OUT}"
    return None


def _problem_above(path: Path, trusted: set[int]) -> str | None:
    """Why another user could replace a directory or a link on the way to `path`; what is missing is no problem."""
    walked, waiting, links = Path("/"), list(path.parts[1:]), 0
    while waiting:
        step = walked / waiting.pop(0)
        try:
            facts = step.lstat()
        except FileNotFoundError:
            return None
        if facts.st_uid not in trusted:
            return f"{step}, on the way to {path}, belongs to user {facts.st_uid}. {WAY_OUT}"
        if stat.S_ISLNK(facts.st_mode):
            links += 1
            if links > MOST_LINKS or not waiting:
                return f"{step} is a symbolic link. {WAY_OUT}"
            target = step.readlink()
            waiting = [*(part for part in target.parts if part != "/"), *waiting]
            walked = Path("/") if target.is_absolute() else walked
        elif _is_open_to_others(facts) and not facts.st_mode & stat.S_ISVTX:
            return f"{step}, on the way to {path}, may be written by other users. {WAY_OUT}"
        else:
            walked = Path(os.path.normpath(step))
    return None


def _is_open_to_others(facts: os.stat_result) -> bool:
    """Whether other users may write. Where a user's files belong to the user's own group, that may write too."""
    by_group = facts.st_mode & stat.S_IWGRP and facts.st_gid != os.getegid()
    return bool(facts.st_mode & stat.S_IWOTH or by_group)


def _trusted(roots: Roots) -> set[int]:
    """Root and this user. In a user namespace root's files show the overflow id, and nothing of theirs can be won."""
    mapped = (read(roots.proc / "self/uid_map") or "").split()
    partial = len(mapped) != 3 or int(mapped[2]) != EVERY_UID
    overflow = read_int(roots.proc / "sys/kernel/overflowuid")
    return {ROOT_UID, os.geteuid(), *([overflow] if partial and overflow is not None else [])}
