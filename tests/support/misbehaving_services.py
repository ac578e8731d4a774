"""What the tests of services share: odd services, and who of them is still there."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from harness.testbed.processes.process import SupervisedCommand

PROGRAMS = Path(__file__).parent / "programs"
MARK = "BAREHOP_TEST_MARK"


def odd_command(
    directory: Path, *habits: str, name: str = "odd", directories: tuple[Path, ...] = ()
) -> SupervisedCommand:
    """A command that tells its mark to all its descendants."""
    own = {MARK: f"{name}-{uuid4().hex}", "NAME": name, "JOURNAL": str(directory / "journal")}
    untidy = {"UNTIDY": str(directories[0])} if directories else {}
    return SupervisedCommand(
        name=name,
        argv=(sys.executable, "-I", str(PROGRAMS / "misbehaving_service.py"), *habits),
        log=directory / f"{name}.log",
        env={**os.environ, **own, **untidy},
        directories=directories,
    )


def python_environment() -> dict[str, str]:
    """For a Python of the tests' own, which imports what we can import."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def mark_of(command: SupervisedCommand) -> str:
    assert command.env is not None
    return command.env[MARK]


def marked(mark: str) -> set[int]:
    """The pids of the living processes with `mark` in their environment."""
    sought = f"{MARK}={mark}".encode()
    return {int(path.name) for path in Path("/proc").glob("[0-9]*") if sought in environment(path)}


@contextmanager
def end_marked(mark: str) -> Iterator[None]:
    """Kill on leaving what still runs with `mark`: nothing but where a test fails or is interrupted."""
    try:
        yield
    finally:
        for pid in marked(mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def eventually(holds: Callable[[], object], within_s: float = 20.0) -> bool:
    """Whether `holds` in time; only a failing test waits that long."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.005)
    return bool(holds())


def is_up(command: SupervisedCommand) -> bool:
    return command.log.exists() and command.log.read_text().endswith("up\n")
