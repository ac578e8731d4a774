"""Where a stack's sockets and scratch files lie: private directories of the right kind of file system."""

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
    """A directory on tmpfs in which we may make another, or None."""
    candidates = ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}", "/tmp")  # noqa: S108 - only a fresh 0700 directory is made there
    return next(filter(is_tmpfs, _usable(candidates)), None)


def disk_parent(results: Path) -> Path | None:
    """A directory that is not on tmpfs in which we may make another, or None."""
    places = ("/var/tmp", os.environ.get("TMPDIR", ""), "/tmp", os.environ.get("HOME", ""))  # noqa: S108 - see above
    candidates = (*places, results)
    return next((path for path in _usable(candidates) if not is_tmpfs(path)), None)


def sweep() -> None:
    """Remove what runs have left whose keepers were killed too: our directories that no process names or locks."""
    places = {parent for parent in (tmpfs_parent(), disk_parent(Path.cwd())) if parent}
    left = [
        path for parent in (*places, *parents()) for path in parent.glob(f"{PREFIX}{'[0-9a-f]' * 8}") if _is_ours(path)
    ]
    named = " ".join(_command_lines()) if left else ""
    for path in left:
        if path.name not in named and not _is_locked(path):
            remove(path)


def remove(path: Path) -> None:
    """A directory and what is in it; of a control group the files are the kernel's, and one in use stays."""
    if (path / "cgroup.procs").exists():
        with suppress(OSError):
            path.rmdir()
    else:
        shutil.rmtree(path, ignore_errors=True)


def private_name() -> str:
    return PREFIX + secrets.token_hex(4)


def socket_problem(path: Path) -> str | None:
    length = len(os.fsencode(path))
    if length <= MAX_SOCKET_PATH_BYTES:
        return None
    return f"The socket path {path} is {length} bytes long; the kernel takes {MAX_SOCKET_PATH_BYTES}."


def check_home(directory: Path, home: str) -> dict[str, str]:
    """What `directory` lies on, for the record. Raises MachineError when that is not what `home` promises."""
    if is_tmpfs(directory) != (home == "tmpfs"):
        kind = filesystem_of(directory).kind
        raise MachineError(f"{directory} lies on {kind}, which is not what a socket on {home!r} needs.")
    found = filesystem_of(directory)
    return {"filesystem": found.kind, "mount_point": str(found.mount_point), "options": ",".join(found.options)}


def _usable(candidates: Iterable[str | Path]) -> Iterable[Path]:
    paths = (Path(candidate).resolve() for candidate in candidates if str(candidate))
    return (path for path in paths if path.is_dir() and os.access(path, os.W_OK | os.X_OK) and _has_room(path))


def _has_room(path: Path) -> bool:
    """Whether a socket and small files fit there. File systems without a limit report 0 of everything."""
    facts = os.statvfs(path)
    free_bytes = facts.f_bavail * facts.f_frsize
    return (not facts.f_blocks or free_bytes >= LEAST_BYTES) and (not facts.f_files or facts.f_favail >= LEAST_FILES)


def _is_ours(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid()


def _is_locked(path: Path) -> bool:
    """Whether a keeper holds it, which may be in another process namespace, where its command line is not seen."""
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
