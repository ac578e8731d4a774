"""Directories for sockets and state: private, safe against other users; ports and names in them."""

import errno
import fcntl
import os
import random
import secrets
import shutil
import socket
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from harness.errors import MachineError
from harness.experiment.transports import transports
from harness.model.http import MAX_SOCKET_PATH_BYTES
from harness.model.plugins import LOOPBACK
from harness.testbed.machine.cgroups import cgroup_parents, socket_group_parent
from harness.testbed.machine.procfs import HOST_ROOTS, filesystem_of, is_tmpfs, read_int, read_text
from harness.testbed.machine.resources import loopback_problem

DIRECTORY_PREFIX = "barehop-"
MIN_FREE_BYTES, MIN_FREE_FILES = 1 << 20, 64
FIRST_PORT, LAST_PORT = 10_000, 65_535
STATE_VARIABLE = "BAREHOP_STATE"
ROOT_UID = 0
MAX_LINKS = 40  # symbolic links in a path, as in the kernel's own walk
MAX_PRIVATE_BYTES = 1 << 20
ADVICE = (
    f"Nothing in it is used. Examine and remove it, or choose another place (for the state directory: "
    f"{STATE_VARIABLE})."
)
UID_COUNT = 2**32 - 1  # number of user ids in the initial user namespace


def tmpfs_parent() -> Path | None:
    """Return a directory on tmpfs in which we may make another, or None."""
    candidates = ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}", "/tmp")  # noqa: S108 - only a fresh 0700 directory is made there
    return next(filter(is_tmpfs, _usable_directories(candidates)), None)


def disk_parent(results: Path) -> Path | None:
    """Return a directory that is not on tmpfs in which we may make another, or None."""
    candidates = ("/var/tmp", os.environ.get("TMPDIR", ""), "/tmp", os.environ.get("HOME", ""))  # noqa: S108 - see above
    return next((path for path in _usable_directories((*candidates, results)) if not is_tmpfs(path)), None)


def named_parent(path: str, *, on_tmpfs: bool) -> Path | None:
    """Return the directory `path` if we may make another in it and it is on tmpfs or is not, as asked for; or None."""
    return next((parent for parent in _usable_directories([path]) if is_tmpfs(parent) == on_tmpfs), None)


def remove_leftovers() -> None:
    """Remove leftovers of killed runs: our directories that no process names or locks."""
    named = (Path(transport.parent).resolve() for transport in transports().values() if transport.parent)
    parents = {parent for parent in (tmpfs_parent(), disk_parent(Path.cwd()), *named) if parent}
    leftovers = [
        path
        for parent in {*parents, *cgroup_parents(), *filter(None, [socket_group_parent()])}
        for path in parent.glob(f"{DIRECTORY_PREFIX}{'[0-9a-f]' * 8}")
        if path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid()
    ]
    processes = psutil.process_iter(["cmdline"]) if leftovers else ()
    command_lines = " ".join(word for process in processes for word in process.info["cmdline"] or ())
    for path in leftovers:
        if path.name not in command_lines and not _is_locked(path):
            remove_directory(path)


def remove_directory(path: Path) -> None:
    """Remove a directory tree, or a control group that is not in use: its files belong to the kernel."""
    if (path / "cgroup.procs").exists():
        with suppress(OSError):
            path.rmdir()
    else:
        shutil.rmtree(path, ignore_errors=True)


def private_name() -> str:
    """Return a new random name for a private directory."""
    return DIRECTORY_PREFIX + secrets.token_hex(4)


def socket_problem(path: Path) -> str | None:
    """Return why `path` is too long for a Unix socket, or None."""
    length = len(os.fsencode(path))
    if length <= MAX_SOCKET_PATH_BYTES:
        return None
    return f"The socket path {path} is {length} bytes long; the kernel takes {MAX_SOCKET_PATH_BYTES}."


def filesystem_facts(directory: Path, home: str) -> dict[str, str]:
    """Return the file system of `directory` for the record. Raises MachineError where it does not match `home`."""
    filesystem = filesystem_of(directory)
    if is_tmpfs(directory) != (home == "tmpfs"):
        raise MachineError(f"{directory} lies on {filesystem.kind}, but this transport needs {home!r}.")
    return {
        "filesystem": filesystem.kind,
        "mount_point": str(filesystem.mount_point),
        "options": ",".join(filesystem.options),
    }


def _usable_directories(candidates: Iterable[str | Path]) -> Iterable[Path]:
    paths = (Path(candidate).resolve() for candidate in candidates if str(candidate))
    return (path for path in paths if path.is_dir() and os.access(path, os.W_OK | os.X_OK) and _has_room(path))


def _has_room(path: Path) -> bool:
    """Return whether a socket and small files fit. File systems without a limit report 0 everywhere."""
    statistics = os.statvfs(path)
    free_bytes = statistics.f_bavail * statistics.f_frsize
    return (not statistics.f_blocks or free_bytes >= MIN_FREE_BYTES) and (
        not statistics.f_files or statistics.f_favail >= MIN_FREE_FILES
    )


def _is_locked(path: Path) -> bool:
    """Return whether a supervisor locks `path`: in another PID namespace its command line is not visible."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock a file until `descriptor` is closed; return False where another process has locked it. Raises OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def free_ports(proc: Path = Path("/proc"), hosts: Collection[str] = (LOOPBACK,)) -> Iterator[int]:
    """Yield different ports outside the kernel's ephemeral range that are free on all `hosts`. Raises MachineError."""
    low, high = map(int, (proc / "sys/net/ipv4/ip_local_port_range").read_text().split())
    outside = [port for port in range(FIRST_PORT, LAST_PORT + 1) if not low <= port <= high]
    ports = outside or list(range(low, high + 1))
    random.shuffle(ports)
    yield from (port for port in ports if all(_is_free_port(host, port) for host in hosts))
    raise MachineError("No further TCP port is free on 127.0.0.1. End some servers.")


def _is_free_port(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL and (problem := loopback_problem()):
                raise MachineError(problem) from None
            return False
        return True


def can_listen(host: str, port: int = 0, protocol: int = 0) -> bool:
    """Return whether a server can listen on `port` of `host` with the kernel's `protocol`; port 0: on any port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_STREAM, protocol) as probe:
        probe.bind((host.strip("[]"), port))
        return True
    return False


class UnsafeError(MachineError):
    """Another user could change a file or directory."""


def make_private_directory(path: Path) -> Path:
    """Make `path` with mode 0700 where it is missing. Raises UnsafeError where it is not ours alone, or OSError."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the links that are to be examined
    if problem := _problem_above(path, _trusted_uids()):
        raise UnsafeError(problem)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if problem := _problem_above(path, _trusted_uids()) or _problem_of(path, path.stat()):
        raise UnsafeError(problem)
    return path


@contextmanager
def open_private_file(path: Path, flags: int) -> Iterator[int]:
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
    with open_private_file(path, os.O_RDONLY) as descriptor:
        content = os.read(descriptor, MAX_PRIVATE_BYTES + 1)
    if len(content) > MAX_PRIVATE_BYTES:
        raise UnsafeError(f"{path} has more than {MAX_PRIVATE_BYTES} bytes. {ADVICE}")
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
            if links > MAX_LINKS or not remaining:
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


def _trusted_uids() -> set[int]:
    """Return the ids of root and this user. In a user namespace, files of the real root show the overflow id."""
    id_map = (read_text(HOST_ROOTS.proc / "self/uid_map") or "").split()
    is_partial = len(id_map) != 3 or int(id_map[2]) != UID_COUNT
    overflow = read_int(HOST_ROOTS.proc / "sys/kernel/overflowuid")
    return {ROOT_UID, os.geteuid(), *([overflow] if is_partial and overflow is not None else [])}
