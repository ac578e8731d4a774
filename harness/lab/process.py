"""A service as a context: while it is entered the service runs; when it is left nobody of it is there."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.errors import LoadError, MachineError, StackError
from harness.lab import keeper
from harness.lab.directories import remove
from harness.lab.kernel.scheduling import start_with
from harness.lab.logs import shorten, tail
from harness.model.knobs import OfServers

STOP_S = 15.0
PREPARED_S = 30.0  # for directories, a sandbox and a process, which take milliseconds
MOST_SAID_BYTES = 64
MOST_FILE_BYTES = 512 << 20  # of each file that a load tool writes
FILE_TOO_LARGE = 128 + signal.SIGXFSZ
GROUP_S = 1.0
LOG_LINES = 8
UNTELLING = (" ", "Traceback (", "During handling of the above", "The above exception was")


@dataclass(frozen=True, slots=True)
class Service:
    """What to run. `directories` are made before it starts and removed after it has ended; one can be a control group.

    `inherited` are descriptors of ours that it has too, by the same numbers. `steps` are those of sandbox/enter.py that
    it is put into a sandbox by.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    cpus: tuple[int, ...] = ()  # (): wherever we are allowed to run ourselves
    cwd: Path | None = None
    env: Mapping[str, str] | None = None
    directories: tuple[Path, ...] = ()
    started_with: tuple[OfServers, ...] = ()
    inherited: tuple[int, ...] = ()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A service that has been started, through its keeper."""

    service: Service
    keeper: subprocess.Popen[bytes] = field(repr=False)
    pid: int

    def main_pid(self) -> int:
        """The pid of the service's first process; a StackError when it has ended."""
        self.check()
        return self.pid

    def worker_pids(self) -> tuple[int, ...]:
        """The living children of the service's first process, lowest first."""
        try:
            children = psutil.Process(self.main_pid()).children()
            return tuple(sorted(child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE))
        except psutil.NoSuchProcess:
            return ()

    def check(self) -> None:
        """Raise StackError with the last lines of its log when the service has ended."""
        if self.keeper.poll() is not None:
            log = self.service.log
            raise StackError(
                f"{self.service.name} ended with exit code {self.keeper.returncode}. Its log, {log}, ends:\n"
                f"{log_tail(log)}"
            )

    def wait(self, patience_s: float) -> None:
        """See the service end by itself; a MachineError when it does not."""
        if not _ends_within(patience_s, self.keeper):
            raise MachineError(f"{self.service.name} did not end within {patience_s:g} s of being asked to.")
        self.keeper.wait()  # its output is closed a moment before it has ended


@contextmanager
def running(service: Service, just_before: Callable[[], object] = lambda: None) -> Iterator[Running]:
    """`service` started on its CPUs. On leaving it gets SIGTERM, then SIGKILL with all its descendants."""
    process = _keeper_of(service)
    made: tuple[Path, ...] = ()
    try:
        if _said(service, process) != b"ready\n":
            raise StackError(f"{service.name} could not be prepared:\n{log_tail(service.log)}")
        made = service.directories
        if service.cpus:
            psutil.Process(process.pid).cpu_affinity(list(service.cpus))
        for change in service.started_with:
            start_with(process.pid, change)
        just_before()
        yield Running(service, process, _begin(service, process))
    finally:
        try:
            _let_go(process, made)
        finally:
            if process.returncode is None:  # a signal came in the middle of it
                _let_go(process, made)
            shorten(service.log)


def run_to_end(
    argv: Sequence[str], directory: Path, timeout_s: float, just_before: Callable[[], object] = lambda: None
) -> int:
    """Run `argv` with its output in `directory`/stdout.txt and stderr.txt; its exit code. LoadError when too slow.

    `just_before` is called when all is ready, so that little lies between it and the start of `argv`.
    """
    limit = f"ulimit -f {MOST_FILE_BYTES // 512}"  # or what it prints could fill the disk
    redirected = ("/bin/sh", "-c", f'{limit}; exec "$@" >stdout.txt', "sh", *argv)
    service = Service(
        name=argv[0],
        argv=redirected,
        log=directory / "stderr.txt",
        cwd=directory,
    )
    with running(service, just_before) as started:
        if not _ends_within(timeout_s, started.keeper):
            raise LoadError(f"{argv[0]} did not end within {timeout_s:g} s. See {directory}.")
        exit_code = started.keeper.wait()
    if exit_code == FILE_TOO_LARGE:
        raise LoadError(f"{argv[0]} writes more than {MOST_FILE_BYTES >> 20} MiB into a file. Ask for fewer requests.")
    return exit_code


def own_pids() -> set[int]:
    """This process and everything that it has started."""
    own = psutil.Process()
    return {own.pid, *(child.pid for child in own.children(recursive=True))}


def log_tail(log: Path, lines: int = LOG_LINES) -> str:
    """The last lines that say something, each once: not the frames of a traceback, nor what every worker repeats."""
    telling = [line for line in tail(log).splitlines() if line.strip() and not line.startswith(UNTELLING)]
    last = list(dict.fromkeys(reversed(telling)))[:lines]
    return "\n".join(f"  {line}" for line in reversed(last)) or "  (nothing was logged)"


def _keeper_of(service: Service) -> subprocess.Popen[bytes]:
    arguments = [*map(str, service.directories), "--", *service.steps, "--", *service.argv]
    try:
        with service.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, *arguments],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,  # two short lines, and its end is the keeper's
                stderr=log,
                cwd=service.cwd,
                env=service.env,
                pass_fds=service.inherited,
                start_new_session=True,
            )
    except OSError as error:
        raise MachineError(f"{service.name} cannot be started: {error.filename}: {error.strerror}.") from None


def _said(service: Service, process: subprocess.Popen[bytes]) -> bytes:
    """The keeper's next line, which it writes at once; b"" when it has ended. Raises MachineError when none comes."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], PREPARED_S)[0]:
        raise MachineError(
            f"{service.name} was not started within {PREPARED_S:g} s. Its directories and its CPUs are the places to "
            f"look at. Its log, {service.log}, ends:\n{log_tail(service.log)}"
        )
    return process.stdout.readline(MOST_SAID_BYTES)


def _begin(service: Service, process: subprocess.Popen[bytes]) -> int:
    """Let the keeper start its service; the pid of that, or 0 when the keeper has been killed."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(b"g")
    return int(_said(service, process) or 0)


def _ends_within(timeout_s: float, process: subprocess.Popen[bytes]) -> bool:
    """Whether the keeper ends in time. Nobody else holds its standard output, which says so at once."""
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], timeout_s)[0])


def _let_go(process: subprocess.Popen[bytes], made: Iterable[Path]) -> None:
    """Close the lifeline and see the keeper end; do its work when somebody has killed it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    if not _ends_within(STOP_S, process):
        process.kill()
    if process.wait() < 0:
        _end_group(process.pid)
        for directory in made:
            remove(directory)
    process.stdout.close()


def _end_group(group: int) -> None:
    """SIGKILL for all of the process group that the keeper led, until there is none."""
    deadline = time.monotonic() + GROUP_S
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, signal.SIGKILL)
            time.sleep(0.002)
