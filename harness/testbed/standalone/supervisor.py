"""Supervises one command and its directories while a lifeline is open; then ends and removes everything.

A stand-alone program: `python -I -S supervisor.py DIRECTORY... -- STEP... -- COMMAND...`. Its standard input is the
lifeline, a pipe whose other end the parent holds. It makes the directories (mode 0700; one may be a control group),
writes "ready" to standard output, waits for one byte, takes the steps of enter.py, starts the command, writes
its pid, and ends everything when the lifeline closes, also when the parent was killed with SIGKILL. Standard error is
the command's log. Its exit code is the command's, or 128 plus the signal that ended it.

It is a subreaper, so orphans of the command become its children; and the kernel sends SIGTERM to a command that loses
its supervisor. Steps before the word "fork" apply to the supervisor itself: a PID namespace begins with the next child,
and when its first process ends, the kernel ends all others in it.
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
HANDLED_SIGNALS = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
FORK_WORD = "fork"


def main(arguments: list[str]) -> int:
    """Prepare the directories, supervise the command, clean up; return the exit code."""
    directories, rest = split_at(arguments, "--")
    steps, command = split_at(rest, "--")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeup = watch_signals()
    made: list[str] = []
    try:
        for directory in directories:
            os.mkdir(directory, 0o700)  # noqa: PTH102 - without pathlib the supervisor starts twice as fast
            made.append(directory)
            lock_directory(directory)
        os.write(1, b"ready\n")
        return supervise(command, steps, libc, wakeup) if os.read(0, 1) else 0
    except OSError as error:
        os.write(2, os.fsencode(f"{error.filename or 'supervisor'}: {error.strerror}\n"))
        return 1
    finally:
        kill_descendants()
        for directory in made:
            remove(directory)


def lock_directory(directory: str) -> None:
    """Lock `directory` as long as this process lives: a sweep in another PID namespace cannot see this process."""
    try:
        fcntl.flock(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fcntl.LOCK_SH)
    except OSError:  # a file system without locks: the command line names the directory, too
        return


def split_at(words: list[str], divider: str) -> tuple[list[str], list[str]]:
    """Return the words before and after the first `divider`; without one, all are after."""
    place = words.index(divider) if divider in words else -1
    return words[: max(place, 0)], words[place + 1 :]


def watch_signals() -> int:
    """Return a descriptor that becomes readable when a child ends or a signal asks the supervisor to stop."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in HANDLED_SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # an inherited mask would block them
    return reading


def supervise(command: list[str], steps: list[str], libc: ctypes.CDLL, wakeup: int) -> int:
    """Start the command, write its pid, and wait until it ends or must stop; return the exit code."""
    command_pid = start(command, steps, libc) if command else 0
    os.write(1, b"%d\n" % command_pid)
    is_stopping = False
    while not is_stopping:
        readable, _, _ = select.select([0, wakeup], [], [])
        is_stopping = 0 in readable or set(os.read(wakeup, 512)) != {signal.SIGCHLD}
        ended, code = reap(command_pid)
        if ended:
            return exit_code(code)
    return exit_code(stop(command_pid)) if command_pid else 0


def exit_code(code: int) -> int:
    """Return the exit code of a shell: 128 plus the signal for a killed process."""
    return code if code >= 0 else 128 - code


def start(command: list[str], steps: list[str], libc: ctypes.CDLL) -> int:
    """Start the command and return its pid. The first process of a PID namespace may ignore SIGTERM."""
    supervisor = os.getpid()
    outside, inside = split_at(steps, FORK_WORD)
    take_steps(outside)
    command_pid = os.fork()
    if command_pid:
        return command_pid
    try:
        for number in (*HANDLED_SIGNALS, *IGNORED_BY_PYTHON):
            signal.signal(number, signal.SIG_DFL)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL if outside else signal.SIGTERM, 0, 0, 0)
        if parent_of("self") == supervisor:  # not getppid: in a pid namespace the parent has no number
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            take_steps(inside)
            os.execvp(command[0], command)  # noqa: S606 - an argument list of our own, without a shell
    except OSError as error:
        os.write(2, os.fsencode(f"{error.filename or command[0]}: {error.strerror}\n"))
    finally:
        os._exit(127)


def take_steps(steps: list[str]) -> None:
    """Take the sandbox steps on this process."""
    if steps:
        sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120 - see above
        importlib.import_module("enter").take_steps(steps)


def reap(command_pid: int) -> tuple[bool, int]:
    """Collect every ended child; return whether the command is one of them, and its exit code."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return bool(command_pid), 1
        if pid == 0:
            return False, 0
        if pid == command_pid:
            return True, os.waitstatus_to_exitcode(status)


def stop(command_pid: int) -> int:
    """Send SIGTERM and wait; `kill_descendants` ends what is left after that."""
    os.kill(command_pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline:
        ended, code = reap(command_pid)
        if ended:
            return code
        time.sleep(0.002)
    return -signal.SIGKILL


def kill_descendants() -> None:
    """Send SIGKILL to all descendants: children of a killed child become ours, so repeat until there is none."""
    while True:
        for pid in children():
            try:
                os.kill(pid, signal.SIGKILL)
            except PermissionError:  # it runs as another user; go on with the others
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def children() -> list[int]:
    """Return the pids of this process's children."""
    names = os.listdir("/proc")  # noqa: PTH208 - see above
    return [int(name) for name in names if name.isdigit() and parent_of(name) == os.getpid()]


def parent_of(pid: str) -> int:
    """Return the parent's pid; 0 where the process has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - see above
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def remove(directory: str) -> None:
    """Remove the tree; retry, because another supervisor's command may still write its last file there.

    The files of a control group belong to the kernel and go with it.
    """
    import shutil  # only now: the command need not wait for it

    is_cgroup = os.path.exists(os.path.join(directory, "cgroup.procs"))  # noqa: PTH110, PTH118 - see above
    deadline = time.monotonic() + REMOVE_S
    while os.path.isdir(directory) and time.monotonic() < deadline:  # noqa: PTH112 - see above
        try:
            (os.rmdir if is_cgroup else shutil.rmtree)(directory)
        except OSError:
            time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
