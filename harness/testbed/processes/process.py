"""Starts commands under a supervisor, sets their scheduling, and finds their descendants."""

import os
import select
import shlex
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
from harness.model.plugins import KnobValue, ServerAttribute
from harness.testbed.machine.directories import remove_directory
from harness.testbed.machine.procfs import read_text
from harness.testbed.processes.output import read_log_end, shorten_log
from harness.testbed.standalone import supervisor as supervisor_program

STOP_S = 15.0
MAX_PREPARE_S = 30.0  # directories, a sandbox and a process take milliseconds
MAX_LINE_BYTES = 64
MAX_FILE_BYTES = 512 << 20  # of each file that a load tool writes
FILE_TOO_LARGE = 128 + signal.SIGXFSZ
KILL_GROUP_S = 1.0
LOG_LINES = 8
UNINFORMATIVE = (" ", "Traceback (", "During handling of the above", "The above exception was")
PROC = Path("/proc")

POLICIES = {
    "other": os.SCHED_OTHER, "batch": os.SCHED_BATCH, "idle": os.SCHED_IDLE, "fifo": os.SCHED_FIFO, "rr": os.SCHED_RR,
}  # fmt: skip
POLICY_NAMES = {number: name for name, number in POLICIES.items()}
REAL_TIME_POLICIES = ("fifo", "rr")
LOWEST_PRIORITY = 1


@dataclass(frozen=True, slots=True)
class SupervisedCommand:
    """A command to run. `directories` are made before its start and removed after its end; one can be a control group.

    It inherits `descriptors` of ours as 3, 4, ... `sandbox_steps` are those of standalone/enter.py that put it into a
    sandbox.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    cpus: tuple[int, ...] = ()  # (): where this process may run
    cwd: Path | None = None
    env: Mapping[str, str] | None = None
    directories: tuple[Path, ...] = ()
    attributes: tuple[ServerAttribute, ...] = ()
    descriptors: tuple[int, ...] = ()
    sandbox_steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SupervisedProcess:
    """A command that has been started through its supervisor."""

    command: SupervisedCommand
    supervisor: subprocess.Popen[bytes] = field(repr=False)
    pid: int  # 0 when the supervisor has been killed

    def main_pid(self) -> int:
        """Return the pid of the command's first process. Raises StackError when it has ended."""
        self.check()
        return self.pid

    def worker_pids(self) -> tuple[int, ...]:
        """Return the living children of the command's first process, lowest first."""
        return _living_children(self.main_pid(), recursive=False)

    def family_pids(self) -> tuple[int, ...]:
        """Return the command's living processes, lowest first, those that have lost their parent too."""
        self.check()
        return _living_children(self.supervisor.pid, recursive=True)

    def check(self) -> None:
        """Raise StackError with the end of its log when the command has ended."""
        if self.supervisor.poll() is not None:
            log = self.command.log
            raise StackError(
                f"{self.command.name} ended with exit code {self.supervisor.returncode}. Its log, {log}, ends:\n"
                f"{log_excerpt(log)}"
            )

    def ask_to_end(self) -> None:
        """Let the supervisor end the command and remove its directories; does not wait."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()

    def wait(self, patience_s: float) -> None:
        """Wait until the command ends by itself. Raises MachineError when it does not within `patience_s`."""
        if not _is_ended_within(patience_s, self.supervisor):
            raise MachineError(f"{self.command.name} did not end within {patience_s:g} s of being asked to.")
        self.supervisor.wait()  # its output is closed a moment before it has ended


@contextmanager
def start_command(
    command: SupervisedCommand, just_before: Callable[[], object] = lambda: None
) -> Iterator[SupervisedProcess]:
    """Run `command` on its CPUs during the body; then send SIGTERM, and SIGKILL to all remaining descendants."""
    supervisor = _start_supervisor(command)
    made: tuple[Path, ...] = ()
    try:
        if _read_line(command, supervisor) != b"ready\n":
            raise StackError(f"{command.name} could not be prepared:\n{log_excerpt(command.log)}")
        made = command.directories
        if command.cpus:
            psutil.Process(supervisor.pid).cpu_affinity(list(command.cpus))
        for change in command.attributes:
            apply_attribute(supervisor.pid, change)
        just_before()
        assert supervisor.stdin is not None
        with suppress(BrokenPipeError):
            supervisor.stdin.write(b"g")
        yield SupervisedProcess(command, supervisor, pid=int(_read_line(command, supervisor) or 0))
    finally:
        try:
            _shut_down(supervisor, made)
        finally:
            if supervisor.returncode is None:  # a signal interrupted it
                _shut_down(supervisor, made)
            shorten_log(command.log)


def run_program(
    argv: Sequence[str], directory: Path, timeout_s: float, just_before: Callable[[], object] = lambda: None
) -> int:
    """Run `argv` with its output in `directory`/stdout.txt and stderr.txt; return its exit code. Raises LoadError.

    `just_before` is called when all is ready, so that little time passes between it and the start of `argv`.
    """
    limit = f"ulimit -f {MAX_FILE_BYTES // 512}"  # its output must not fill the disk
    redirected = ("/bin/sh", "-c", f'{limit}; exec "$@" >stdout.txt', "sh", *argv)
    command = SupervisedCommand(name=argv[0], argv=redirected, log=directory / "stderr.txt", cwd=directory)
    with start_command(command, just_before) as started:
        if not _is_ended_within(timeout_s, started.supervisor):
            raise LoadError(f"{argv[0]} did not end within {timeout_s:g} s. See {directory}.")
        exit_code = started.supervisor.wait()
    if exit_code == FILE_TOO_LARGE:
        raise LoadError(f"{argv[0]} writes more than {MAX_FILE_BYTES >> 20} MiB into a file. Ask for fewer requests.")
    return exit_code


def own_pids() -> set[int]:
    """Return the pids of this process and of all its descendants."""
    own = psutil.Process()
    return {own.pid, *(child.pid for child in own.children(recursive=True))}


def log_excerpt(log: Path, lines: int = LOG_LINES) -> str:
    """Return the last informative lines of a log, each once: no frames of tracebacks, no repeats by other workers."""
    informative = [
        line for line in read_log_end(log).splitlines() if line.strip() and not line.startswith(UNINFORMATIVE)
    ]
    last = list(dict.fromkeys(reversed(informative)))[:lines]
    return "\n".join(f"  {line}" for line in reversed(last)) or "  (nothing was logged)"


def _start_supervisor(command: SupervisedCommand) -> subprocess.Popen[bytes]:
    inheriting = ("descriptors", ",".join(map(str, command.descriptors))) if command.descriptors else ()
    arguments = [*map(str, command.directories), "--", *command.sandbox_steps, *inheriting, "--", *command.argv]
    try:
        with command.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor_program.__file__, *arguments],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,  # two short lines; it is closed when the supervisor ends
                stderr=log,
                cwd=command.cwd,
                env=command.env,
                pass_fds=command.descriptors,
                start_new_session=True,
            )
    except OSError as error:
        raise MachineError(f"{command.name} cannot be started: {error.filename}: {error.strerror}.") from None


def _read_line(command: SupervisedCommand, process: subprocess.Popen[bytes]) -> bytes:
    """Return the supervisor's next line, b"" when it has ended. Raises MachineError when none comes."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], MAX_PREPARE_S)[0]:
        raise MachineError(
            f"{command.name} was not started within {MAX_PREPARE_S:g} s. Check its directories and its CPUs. "
            f"Its log, {command.log}, ends:\n{log_excerpt(command.log)}"
        )
    return process.stdout.readline(MAX_LINE_BYTES)


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
    if process.wait() < 0:  # kill its process group until no process of it is left
        deadline = time.monotonic() + KILL_GROUP_S
        with suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(process.pid, signal.SIGKILL)
                time.sleep(0.002)
        for directory in made:
            remove_directory(directory)
    process.stdout.close()


@dataclass(frozen=True, slots=True)
class ProcessFamily:
    """The processes of one role of a stack.

    `supervisors` start and watch the others, the topmost first; their own CPU time serves no request. `reads_others`:
    whether the CPU time of processes other than `workers` is read too.
    """

    workers: tuple[int, ...]
    supervisors: tuple[int, ...] = ()
    reads_others: bool = False

    def other_pids(self, proc: Path = PROC) -> tuple[int, ...]:
        """Return the descendants of the first supervisor that are neither workers nor supervisors, lowest first."""
        if not self.supervisors:
            return ()
        return tuple(sorted({*descendant_pids(self.supervisors[0], proc)} - {*self.supervisors, *self.workers}))

    def all_pids(self, proc: Path = PROC) -> tuple[int, ...]:
        """Return supervisors, workers and others."""
        return (*self.supervisors, *self.workers, *self.other_pids(proc))


def descendant_pids(pid: int, proc: Path = PROC) -> tuple[int, ...]:
    """Return all processes below `pid`, zombies too; none where `pid` has ended."""
    has_files = (proc / f"{pid}/task/{pid}/children").exists()
    by_parent = {} if has_files else _children_by_parent(proc)
    pids: dict[int, None] = {}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        children = _listed_children(proc / str(parent)) if has_files else by_parent.get(parent, [])
        new = [child for child in children if child not in pids]
        pids |= dict.fromkeys(new)
        waiting += new
    return tuple(pids)


def _listed_children(process: Path) -> list[int]:
    """Return the children of each thread of a process (man 5 proc: children), without a scan of all processes."""
    tasks = (process / "task").glob("[0-9]*")
    return [int(child) for task in tasks for child in (read_text(task / "children") or "").split()]


def _children_by_parent(proc: Path) -> dict[int, list[int]]:
    """Return the children of each process, for a kernel without CONFIG_PROC_CHILDREN."""
    children: dict[int, list[int]] = {}
    for path in proc.glob("[0-9]*"):
        if stat := read_text(path / "stat"):
            children.setdefault(int(stat.rpartition(") ")[2].split()[1]), []).append(int(path.name))
    return children


def _living_children(pid: int, *, recursive: bool) -> tuple[int, ...]:
    pids = []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=recursive):
            with suppress(psutil.NoSuchProcess):
                pids += [child.pid] if child.status() != psutil.STATUS_ZOMBIE else []
    return tuple(sorted(pids))


def _set_policy(pid: int, value: KnobValue) -> None:
    priority = LOWEST_PRIORITY if value in REAL_TIME_POLICIES else 0
    os.sched_setscheduler(pid, POLICIES[str(value)], os.sched_param(priority))


@dataclass(frozen=True, slots=True)
class AttributeKind:
    """How an attribute of a process is set, by a pid and by a command for the shell itself, and how it is read."""

    command: Callable[[KnobValue], str]
    set: Callable[[int, KnobValue], object]
    read: Callable[[int], str]


ATTRIBUTE_KINDS: Mapping[str, AttributeKind] = {
    "nice": AttributeKind(
        command=lambda value: f"renice -n {shlex.quote(str(value))} -p $$",
        set=lambda pid, value: os.setpriority(os.PRIO_PROCESS, pid, int(value)),
        read=lambda pid: str(os.getpriority(os.PRIO_PROCESS, pid)),
    ),
    "scheduling": AttributeKind(
        command=lambda value: f"chrt --{shlex.quote(str(value))} -p {int(value in REAL_TIME_POLICIES)} $$",
        set=_set_policy,
        read=lambda pid: POLICY_NAMES.get(number := os.sched_getscheduler(pid), str(number)),
    ),
    "timer_slack_ns": AttributeKind(
        command=lambda value: f"echo {shlex.quote(str(value))} > /proc/$$/timerslack_ns",
        set=lambda pid, value: Path(f"/proc/{pid}/timerslack_ns").write_text(str(value)),
        read=lambda pid: read_text(Path(f"/proc/{pid}/timerslack_ns")) or "unknown",
    ),
}


def apply_attribute(pid: int, change: ServerAttribute) -> None:
    """Apply `change` to a process. Raises MachineError where the kernel refuses."""
    try:
        ATTRIBUTE_KINDS[change.name].set(pid, change.value)
    except OSError as error:
        raise MachineError(
            f"{change.name} = {change.value}: the kernel refuses it for a process of this user: {error.strerror}. "
            "Run barehop as root, or choose another value."
        ) from None


def read_attribute(pid: int, change: ServerAttribute) -> str:
    """Return the present value of the process. Raises OSError when it has ended."""
    return ATTRIBUTE_KINDS[change.name].read(pid)
