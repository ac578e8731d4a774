"""Private directories for a stack's sockets and scratch files, on the right kind of file system."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from harness.errors import MachineError
from harness.lab.cgroups import parents
from harness.lab.mounts import filesystem_of, is_tmpfs

MAX_SOCKET_PATH_BYTES = 107  # sun_path of sockaddr_un holds 108, the last of them the terminating zero
PREFIX = "barehop-"
LEAST_BYTES, LEAST_FILES = 1 << 20, 64


def tmpfs_parent() -> Path | None:
    """Return a directory on tmpfs in which we may make another, or None."""
    candidates = ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}", "/tmp")  # noqa: S108 - only a fresh 0700 directory is made there
    return next(filter(is_tmpfs, _usable(candidates)), None)


def disk_parent(results: Path) -> Path | None:
    """Return a directory that is not on tmpfs in which we may make another, or None."""
    candidates = ("/var/tmp", os.environ.get("TMPDIR", ""), "/tmp", os.environ.get("HOME", ""))  # noqa: S108 - see above
    return next((path for path in _usable((*candidates, results)) if not is_tmpfs(path)), None)


def sweep() -> None:
    """Remove leftovers of killed runs: our directories that no process names or locks."""
    parent_paths = {parent for parent in (tmpfs_parent(), disk_parent(Path.cwd())) if parent}
    leftovers = [
        path
        for parent in (*parent_paths, *parents())
        for path in parent.glob(f"{PREFIX}{'[0-9a-f]' * 8}")
        if _is_ours(path)
    ]
    command_lines = " ".join(_command_lines()) if leftovers else ""
    for path in leftovers:
        if path.name not in command_lines and not _is_locked(path):
            remove(path)


def remove(path: Path) -> None:
    """Remove a directory tree, or a control group that is not in use: its files belong to the kernel."""
    if (path / "cgroup.procs").exists():
        with suppress(OSError):
            path.rmdir()
    else:
        shutil.rmtree(path, ignore_errors=True)


def private_name() -> str:
    """Return a new random name for a private directory."""
    return PREFIX + secrets.token_hex(4)


def socket_problem(path: Path) -> str | None:
    """Return why `path` is too long for a Unix socket, or None."""
    length = len(os.fsencode(path))
    if length <= MAX_SOCKET_PATH_BYTES:
        return None
    return f"The socket path {path} is {length} bytes long; the kernel takes {MAX_SOCKET_PATH_BYTES}."


def check_home(directory: Path, home: str) -> dict[str, str]:
    """Return the file system of `directory` for the record. Raises MachineError where it does not match `home`."""
    filesystem = filesystem_of(directory)
    if is_tmpfs(directory) != (home == "tmpfs"):
        raise MachineError(f"{directory} lies on {filesystem.kind}, but this transport needs {home!r}.")
    return {
        "filesystem": filesystem.kind,
        "mount_point": str(filesystem.mount_point),
        "options": ",".join(filesystem.options),
    }


def _usable(candidates: Iterable[str | Path]) -> Iterable[Path]:
    paths = (Path(candidate).resolve() for candidate in candidates if str(candidate))
    return (path for path in paths if path.is_dir() and os.access(path, os.W_OK | os.X_OK) and _has_room(path))


def _has_room(path: Path) -> bool:
    """Return whether a socket and small files fit. File systems without a limit report 0 everywhere."""
    statistics = os.statvfs(path)
    free_bytes = statistics.f_bavail * statistics.f_frsize
    return (not statistics.f_blocks or free_bytes >= LEAST_BYTES) and (
        not statistics.f_files or statistics.f_favail >= LEAST_FILES
    )


def _is_ours(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid()


def _is_locked(path: Path) -> bool:
    """Return whether a supervisor locks `path`: in another PID namespace its command line is not visible."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter(["cmdline"]):
        yield from process.info["cmdline"] or ()
