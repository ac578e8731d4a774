"""A service as a context: inside it the service runs; afterwards no process of it is left."""

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
PREPARED_S = 30.0  # directories, a sandbox and a process take milliseconds
MOST_LINE_BYTES = 64
MOST_FILE_BYTES = 512 << 20  # of each file that a load tool writes
FILE_TOO_LARGE = 128 + signal.SIGXFSZ
KILL_GROUP_S = 1.0
LOG_LINES = 8
UNINFORMATIVE = (" ", "Traceback (", "During handling of the above", "The above exception was")


@dataclass(frozen=True, slots=True)
class Service:
    """A command to run. `directories` are made before its start and removed after its end; one can be a control group.

    `inherited` are descriptors of ours that it keeps under the same numbers. `steps` are those of sandbox/enter.py that
    put it into a sandbox.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    cpus: tuple[int, ...] = ()  # (): where this process may run
    cwd: Path | None = None
    env: Mapping[str, str] | None = None
    directories: tuple[Path, ...] = ()
    started_with: tuple[OfServers, ...] = ()
    inherited: tuple[int, ...] = ()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A service that has been started through its supervisor."""

    service: Service
    keeper: subprocess.Popen[bytes] = field(repr=False)
    pid: int

    def main_pid(self) -> int:
        """Return the pid of the service's first process. Raises StackError when it has ended."""
        self.check()
        return self.pid

    def worker_pids(self) -> tuple[int, ...]:
        """Return the living children of the service's first process, lowest first."""
        try:
            children = psutil.Process(self.main_pid()).children()
            return tuple(sorted(child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE))
        except psutil.NoSuchProcess:
            return ()

    def check(self) -> None:
        """Raise StackError with the end of its log when the service has ended."""
        if self.keeper.poll() is not None:
            log = self.service.log
            raise StackError(
                f"{self.service.name} ended with exit code {self.keeper.returncode}. Its log, {log}, ends:\n"
                f"{log_tail(log)}"
            )

    def wait(self, patience_s: float) -> None:
        """Wait until the service ends by itself. Raises MachineError when it does not within `patience_s`."""
        if not _is_ended_within(patience_s, self.keeper):
            raise MachineError(f"{self.service.name} did not end within {patience_s:g} s of being asked to.")
        self.keeper.wait()  # its output is closed a moment before it has ended


@contextmanager
def running(service: Service, just_before: Callable[[], object] = lambda: None) -> Iterator[Running]:
    """Start `service` on its CPUs. On leaving, SIGTERM, then SIGKILL for all its descendants."""
    supervisor = _start_supervisor(service)
    made: tuple[Path, ...] = ()
    try:
        if _read_line(service, supervisor) != b"ready\n":
            raise StackError(f"{service.name} could not be prepared:\n{log_tail(service.log)}")
        made = service.directories
        if service.cpus:
            psutil.Process(supervisor.pid).cpu_affinity(list(service.cpus))
        for change in service.started_with:
            start_with(supervisor.pid, change)
        just_before()
        yield Running(service, supervisor, _release(service, supervisor))
    finally:
        try:
            _shut_down(supervisor, made)
        finally:
            if supervisor.returncode is None:  # a signal interrupted it
                _shut_down(supervisor, made)
            shorten(service.log)


def run_to_end(
    argv: Sequence[str], directory: Path, timeout_s: float, just_before: Callable[[], object] = lambda: None
) -> int:
    """Run `argv` with its output in `directory`/stdout.txt and stderr.txt; return its exit code. Raises LoadError.

    `just_before` is called when all is ready, so that little time passes between it and the start of `argv`.
    """
    limit = f"ulimit -f {MOST_FILE_BYTES // 512}"  # its output must not fill the disk
    redirected = ("/bin/sh", "-c", f'{limit}; exec "$@" >stdout.txt', "sh", *argv)
    service = Service(
        name=argv[0],
        argv=redirected,
        log=directory / "stderr.txt",
        cwd=directory,
    )
    with running(service, just_before) as started:
        if not _is_ended_within(timeout_s, started.keeper):
            raise LoadError(f"{argv[0]} did not end within {timeout_s:g} s. See {directory}.")
        exit_code = started.keeper.wait()
    if exit_code == FILE_TOO_LARGE:
        raise LoadError(f"{argv[0]} writes more than {MOST_FILE_BYTES >> 20} MiB into a file. Ask for fewer requests.")
    return exit_code


def own_pids() -> set[int]:
    """Return the pids of this process and of all its descendants."""
    own = psutil.Process()
    return {own.pid, *(child.pid for child in own.children(recursive=True))}


def log_tail(log: Path, lines: int = LOG_LINES) -> str:
    """Return the last informative lines of a log, each once: no frames of tracebacks, no repeats by other workers."""
    informative = [line for line in tail(log).splitlines() if line.strip() and not line.startswith(UNINFORMATIVE)]
    last = list(dict.fromkeys(reversed(informative)))[:lines]
    return "\n".join(f"  {line}" for line in reversed(last)) or "  (nothing was logged)"


def _start_supervisor(service: Service) -> subprocess.Popen[bytes]:
    arguments = [*map(str, service.directories), "--", *service.steps, "--", *service.argv]
    try:
        with service.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, *arguments],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,  # two short lines; it is closed when the supervisor ends
                stderr=log,
                cwd=service.cwd,
                env=service.env,
                pass_fds=service.inherited,
                start_new_session=True,
            )
    except OSError as error:
        raise MachineError(f"{service.name} cannot be started: {error.filename}: {error.strerror}.") from None


def _read_line(service: Service, process: subprocess.Popen[bytes]) -> bytes:
    """Return the supervisor's next line, b"" when it has ended. Raises MachineError when none comes."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], PREPARED_S)[0]:
        raise MachineError(
            f"{service.name} was not started within {PREPARED_S:g} s. Check its directories and its CPUs. "
            f"Its log, {service.log}, ends:\n{log_tail(service.log)}"
        )
    return process.stdout.readline(MOST_LINE_BYTES)


def _release(service: Service, process: subprocess.Popen[bytes]) -> int:
    """Let the supervisor start its service; return the service's pid, or 0 when the supervisor has been killed."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(b"g")
    return int(_read_line(service, process) or 0)


def _is_ended_within(timeout_s: float, process: subprocess.Popen[bytes]) -> bool:
    """Return whether the supervisor ends in time: only it holds its standard output, which is closed then."""
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], timeout_s)[0])


def _shut_down(process: subprocess.Popen[bytes], made: Iterable[Path]) -> None:
    """Close the lifeline and wait for the supervisor; clean up in its place when it was killed."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    if not _is_ended_within(STOP_S, process):
        process.kill()
    if process.wait() < 0:
        _kill_group(process.pid)
        for directory in made:
            remove(directory)
    process.stdout.close()


def _kill_group(group: int) -> None:
    """Send SIGKILL to the process group of the supervisor until no process of it is left."""
    deadline = time.monotonic() + KILL_GROUP_S
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, signal.SIGKILL)
            time.sleep(0.002)
