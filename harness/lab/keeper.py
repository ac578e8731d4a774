"""Keeps one service and its directories for as long as a lifeline holds; then nothing of them is left.

A stand-alone program: `python -I -S keeper.py DIRECTORY... -- STEP... -- COMMAND...`. Its standard input is the
lifeline, a pipe whose other end its maker holds. It makes the directories (mode 0700; one may be a control group), says
"ready" on standard output, waits for one byte, takes the steps of sandbox/enter.py, starts the command, says its pid,
and ends everything when the lifeline closes, for whatever reason: also when the maker was killed with SIGKILL. Standard
error is the service's log. Its exit code is the service's, or 128 more than the signal that ended it.

It is a subreaper, so a service that loses its own children leaves them to the keeper; and a service that loses
its keeper gets SIGTERM from the kernel. Steps before the word "fork" are the keeper's own: a pid namespace begins with
the next child. Losing its keeper ends everybody in it.
"""

import ctypes
import fcntl
import importlib
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 0.5
REMOVE_S = 2.0
HEEDED = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
FORK = "fork"


def main(arguments: list[str]) -> int:
    directories, after = parted(arguments, "--")
    steps, command = parted(after, "--")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeup = watch_signals()
    made: list[str] = []
    try:
        for directory in directories:
            os.mkdir(directory, 0o700)  # noqa: PTH102 - without pathlib the keeper starts twice as fast
            made.append(directory)
            mark_as_used(directory)
        os.write(1, b"ready\n")
        return keep(command, steps, libc, wakeup) if os.read(0, 1) else 0
    except OSError as error:
        os.write(2, os.fsencode(f"{error.filename or 'keeper'}: {error.strerror}\n"))
        return 1
    finally:
        end_everybody()
        for directory in made:
            remove(directory)


def mark_as_used(directory: str) -> None:
    """Lock it for as long as this process lives: a sweep in another process namespace cannot see this process."""
    try:
        fcntl.flock(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fcntl.LOCK_SH)
    except OSError:  # a file system without locks: there a command line that names the directory must do
        return


def parted(words: list[str], where: str) -> tuple[list[str], list[str]]:
    """The words before and after the first that is `where`; without it, all are after."""
    place = words.index(where) if where in words else -1
    return words[: max(place, 0)], words[place + 1 :]


def watch_signals() -> int:
    """A descriptor that becomes readable when a child ends or somebody asks the keeper to stop."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in HEEDED:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a mask is inherited, and would make us deaf
    return reading


def keep(command: list[str], steps: list[str], libc: ctypes.CDLL, wakeup: int) -> int:
    service = start(command, steps, libc) if command else 0
    os.write(1, b"%d\n" % service)
    stop_asked = False
    while not stop_asked:
        readable, _, _ = select.select([0, wakeup], [], [])
        stop_asked = 0 in readable or set(os.read(wakeup, 512)) != {signal.SIGCHLD}
        ended, code = reap(service)
        if ended:
            return exit_code(code)
    return exit_code(stop(service)) if service else 0


def exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


def start(command: list[str], steps: list[str], libc: ctypes.CDLL) -> int:
    """The service's pid. The first of a pid namespace can be deaf to SIGTERM, and takes the others along."""
    keeper = os.getpid()
    outside, inside = parted(steps, FORK)
    take(outside)
    service = os.fork()
    if service:
        return service
    try:
        for number in (*HEEDED, *IGNORED_BY_PYTHON):
            signal.signal(number, signal.SIG_DFL)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL if outside else signal.SIGTERM, 0, 0, 0)
        if parent_of("self") == keeper:  # not getppid: in a pid namespace the parent has no number
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            take(inside)
            os.execvp(command[0], command)  # noqa: S606 - an argument list of our own, without a shell
    except OSError as error:
        os.write(2, os.fsencode(f"{error.filename or command[0]}: {error.strerror}\n"))
    finally:
        os._exit(127)


def take(steps: list[str]) -> None:
    if steps:
        sys.path.insert(0, os.path.join(os.path.dirname(__file__), "sandbox"))  # noqa: PTH118, PTH120 - see above
        importlib.import_module("enter").take(steps)


def reap(service: int) -> tuple[bool, int]:
    """Collects every child that has ended: (whether the service is one of them, its exit code)."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return bool(service), 1
        if pid == 0:
            return False, 0
        if pid == service:
            return True, os.waitstatus_to_exitcode(status)


def stop(service: int) -> int:
    """SIGTERM, then patience; whoever is left after that is ended by `end_everybody`."""
    os.kill(service, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline:
        ended, code = reap(service)
        if ended:
            return code
        time.sleep(0.002)
    return -signal.SIGKILL


def end_everybody() -> None:
    """SIGKILL for all descendants: those of a killed child become ours, so go on until there is none."""
    while True:
        for pid in children():
            kill(pid)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:  # it has become another user's; the others must end all the same
        return


def children() -> list[int]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - see above
        if name.isdigit() and parent_of(name) == os.getpid():
            found.append(int(name))
    return found


def parent_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - see above
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def remove(directory: str) -> None:
    """Remove the tree, again if need be: another keeper's service may still write its last file there."""
    deadline = time.monotonic() + REMOVE_S
    while os.path.isdir(directory) and time.monotonic() < deadline:  # noqa: PTH112 - see above
        try:
            remove_once(directory)
        except OSError:
            time.sleep(0.01)


def remove_once(directory: str) -> None:
    """The files of a control group are the kernel's, and go with it."""
    is_cgroup = os.path.exists(os.path.join(directory, "cgroup.procs"))  # noqa: PTH110, PTH118 - see above
    for entry in [] if is_cgroup else list(os.scandir(directory)):
        if entry.is_dir(follow_symlinks=False):
            remove_once(entry.path)
        else:
            os.unlink(entry.path)  # noqa: PTH108 - see above
    os.rmdir(directory)  # noqa: PTH106 - see above


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
