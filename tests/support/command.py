"""Runs barehop as a user does, and sees that nothing of it is left."""

import ctypes
import functools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.model import Record

CHECKOUT = Path(__file__).parents[2]
PRELOADED = Path(__file__).parent / "programs/preloaded.py"
APPS = Path(__file__).parent / "applications"
PR_SET_CHILD_SUBREAPER = 36
LOCK = "barehop-tests.lock"  # tests time nothing, and may run beside a real run
PRIVATE_PARENTS = ("/dev/shm", "/var/tmp", "/tmp")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, and all of its standard output and standard error."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Started:
    """A command that may still run, with what it has said so far."""

    process: psutil.Process
    output: Path
    errors: Path

    def says(self, text: str) -> None:
        """Wait until `text` stands on its standard error."""
        seen = eventually(lambda: text in self.errors.read_text() or has_ended(self.process))
        assert seen, self.errors.read_text()
        assert text in self.errors.read_text()

    def ended(self) -> Ended:
        """Wait for its end."""
        code = self.process.wait(120)
        return Ended(code, self.output.read_text(), self.errors.read_text())


def barehop(
    cwd: Path, *arguments: str | Path, env: Mapping[str, str] | None = None, before: tuple[str, ...] = ()
) -> Ended:
    """A command from beginning to end, after which nothing of it is left and no traceback was shown."""
    with started(cwd, *arguments, env=env, before=before) as command:
        ended = command.ended()
    assert "Traceback" not in ended.out + ended.err
    return ended


@contextmanager
def started(
    cwd: Path, *arguments: str | Path, env: Mapping[str, str] | None = None, before: tuple[str, ...] = ()
) -> Iterator[Started]:
    """A command in the directory `cwd`, perhaps after other words like `nohup`; at the end nothing of it is left."""
    preloaded()
    with nothing_left(), running(cwd, *arguments, env=env, before=before) as command:
        yield command


@contextmanager
def running(
    cwd: Path, *arguments: str | Path, env: Mapping[str, str] | None = None, before: tuple[str, ...] = ()
) -> Iterator[Started]:
    """The same, beside others: whoever started those sees that nothing is left. It is killed at the end."""
    number = len(list(cwd.glob("*.stdout")))
    output, errors = cwd / f"{number}.stdout", cwd / f"{number}.stderr"
    full = {**os.environ, "PYTHONPATH": str(CHECKOUT), "BAREHOP_LOCK": str(cwd.parent / LOCK), **(env or {})}
    with output.open("wb") as out, errors.open("wb") as err:
        process: psutil.Process
        if before:
            words: list[str | Path] = [*before, sys.executable, "-m", "harness", *arguments]
            process = psutil.Popen(words, cwd=cwd, env=full, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        else:
            process = fork(cwd, arguments, full, (out.fileno(), err.fileno()))
        try:
            yield Started(process, output, errors)
        finally:
            with suppress(psutil.NoSuchProcess):
                process.kill()
            process.wait()


@functools.cache
def preloaded() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A process that has imported barehop and forks when asked, and the socket on which it is; it ends with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        number = theirs.fileno()
        words: list[str | Path] = [sys.executable, "-P", PRELOADED, CHECKOUT / "harness/__main__.py", str(number)]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        return subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, pass_fds=[number]), ours


def fork(
    cwd: Path, words: Sequence[str | Path], environment: Mapping[str, str], outputs: tuple[int, int]
) -> psutil.Process:
    """Start `python -m harness WORDS` without its imports: a process of its own, which we adopt."""
    request = {"cwd": str(cwd), "words": [str(word) for word in words], "environment": dict(environment)}
    _, requests = preloaded()
    socket.send_fds(requests, [json.dumps(request).encode()], outputs)
    return psutil.Process(int(requests.recv(16)))


@contextmanager
def nothing_left() -> Iterator[None]:
    """Whatever process is started inside, and whatever private directory is made, must be gone soon afterwards."""
    own, directories = set(psutil.Process().children(recursive=True)), private_directories()
    adopt(True)
    try:
        yield
        eventually(lambda: not strangers(own) and private_directories() <= directories, within_s=5)
        assert [process.cmdline() for process in strangers(own)] == []
        assert private_directories() - directories == set()
    finally:
        for process in strangers(own):
            process.kill()
        adopt(False)


def adopt(yes: bool) -> None:
    """Whether processes that lose their parent become our children; nginx cannot be found by its environment."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


def strangers(own: set[psutil.Process]) -> list[psutil.Process]:
    """Our living descendants but for `own` and theirs, of which there may be new ones; those that ended are buried."""
    found = descendants(psutil.Process())  # first, so that whoever is in it is known as theirs
    found -= own.union(*map(descendants, own))
    return [process for process in found if not bury(process)]


def descendants(process: psutil.Process) -> set[psutil.Process]:
    try:
        return set(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def has_ended(process: psutil.Process) -> bool:
    """Whether it does not run any more, though nobody may have waited for it."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def bury(process: psutil.Process) -> bool:
    """Whether the process has ended."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE and process.ppid() == os.getpid():
            os.waitpid(process.pid, 0)
        return not process.is_running()
    except psutil.NoSuchProcess:
        return True


def private_directories() -> set[Path]:
    return {path for parent in PRIVATE_PARENTS for path in Path(parent).glob("barehop-*")}


def eventually(holds: Callable[[], object], within_s: float = 60.0) -> bool:
    """Whether `holds` in time; only a failing test waits that long."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return bool(holds())


def fixed(sessions: int, rounds: int, *, burst: int = 8, settle: int = 2, control: bool = False) -> list[str]:
    """The options that leave nothing to a pilot, with a control for those who want to see one."""
    design = {"sessions": sessions, "rounds": rounds, "burst": burst, "settle": settle, "control": str(control).lower()}
    return [word for name, value in design.items() for word in ("--set", f"design.{name}={value}")]


def sets(**settings: object) -> list[str]:
    """`--set arm.NAME=VALUE` for each setting."""
    return [word for name, value in settings.items() for word in ("--set", f"arm.{name}={value}")]


def odd(app: str, **settings: object) -> list[str]:
    """The settings of an arm whose application is a misbehaving one."""
    return sets(app_dir=APPS, app=app, **settings)


def first_record(directory: Path) -> Record:
    return Record.model_validate_json((directory / "out/sessions/0001.json").read_bytes())
