"""A service as a context: while it is entered the service runs; when it is left nobody of it is there."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.errors import LoadError, StackError
from harness.lab import keeper

STOP_S = 15.0
LOG_LINES = 6


@dataclass(frozen=True, slots=True)
class Service:
    """What to run. `directories` are made before it starts and removed after it has ended."""

    name: str
    argv: tuple[str, ...]
    log: Path
    cpus: tuple[int, ...] = ()  # (): wherever we are allowed to run ourselves
    cwd: Path | None = None
    env: Mapping[str, str] | None = None
    directories: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A service that has been started, through its keeper."""

    service: Service
    keeper: subprocess.Popen[bytes] = field(repr=False)

    def main_pid(self) -> int:
        """The pid of the service's first process; a StackError when it has ended."""
        self.check()
        found = psutil.Process(self.keeper.pid).children()
        if not found:
            raise StackError(self._ended("has ended"))
        return found[0].pid

    def worker_pids(self) -> tuple[int, ...]:
        """The children of the service's first process, lowest first."""
        try:
            return tuple(sorted(child.pid for child in psutil.Process(self.main_pid()).children()))
        except psutil.NoSuchProcess:
            return ()

    def check(self) -> None:
        """Raise StackError with the last lines of its log when the service has ended."""
        if self.keeper.poll() is not None:
            raise StackError(self._ended(f"ended with exit code {self.keeper.returncode}"))

    def _ended(self, what: str) -> str:
        return f"{self.service.name} {what}. Its log, {self.service.log}, ends:\n{log_tail(self.service.log)}"


@contextmanager
def running(service: Service) -> Iterator[Running]:
    """`service` started on its CPUs. On leaving it gets SIGTERM, then SIGKILL with all its descendants."""
    process = _keeper_of(service)
    try:
        if not _said_ready(process):
            process.wait(STOP_S)
            raise StackError(f"{service.name} could not be prepared:\n{log_tail(service.log)}")
        if service.cpus:
            psutil.Process(process.pid).cpu_affinity(list(service.cpus))
        _lifeline(process, b"g")
        yield Running(service, process)
    finally:
        _let_go(process)


def run_to_end(argv: Sequence[str], directory: Path, timeout_s: float) -> int:
    """Run `argv` with its output in `directory`/stdout.txt and stderr.txt; its exit code. LoadError when too slow."""
    redirected = ("/bin/sh", "-c", 'exec "$@" >stdout.txt', "sh", *argv)
    service = Service(
        name=argv[0],
        argv=redirected,
        log=directory / "stderr.txt",
        cwd=directory,
    )
    with running(service) as started:
        try:
            return started.keeper.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise LoadError(f"{argv[0]} did not end within {timeout_s:g} s. See {directory}.") from None


def own_pids() -> set[int]:
    """This process and everything that it has started."""
    own = psutil.Process()
    return {own.pid, *(child.pid for child in own.children(recursive=True))}


def log_tail(log: Path, lines: int = LOG_LINES) -> str:
    """The last lines that say something: the frames of a Python traceback are left out."""
    text = log.read_text(errors="replace") if log.exists() else ""
    telling = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    return "\n".join(f"  {line}" for line in telling[-lines:]) or "  (nothing was logged)"


def _keeper_of(service: Service) -> subprocess.Popen[bytes]:
    arguments = [*map(str, service.directories), "--", *service.argv]
    with service.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,  # one line, read at once
            stderr=log,
            cwd=service.cwd,
            env=service.env,
            start_new_session=True,
        )


def _said_ready(process: subprocess.Popen[bytes]) -> bool:
    assert process.stdout is not None
    with process.stdout as said:
        return said.readline() == b"ready\n"


def _lifeline(process: subprocess.Popen[bytes], signal: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(signal)
    process.stdin.flush()


def _let_go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    if process.stdout is not None:
        process.stdout.close()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        for descendant in psutil.Process(process.pid).children(recursive=True):
            descendant.kill()
        process.kill()
        process.wait()
