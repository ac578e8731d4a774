"""Counts system calls, hardware events and `[counters]` with `perf stat`, in untimed bursts after the visits."""

import os
import platform
import re
import select
import signal
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from harness.errors import HarnessError, MachineError
from harness.experiment.constraints import counting_obstacle
from harness.experiment.cost import (
    perf_pass_s,
)
from harness.load.visits import Visitor
from harness.model import Experiment, VisitRow
from harness.testbed.machine.procfs import read_int, read_text
from harness.testbed.processes.process import SupervisedCommand, SupervisedProcess, log_excerpt, start_command
from harness.testbed.servers.programs import find_program

PERF_TIMEOUT_S = 5.0
MAX_OUTPUT_BYTES = 64 << 20  # a line of 80 bytes for each event of each thread
ALL_CALLS = "raw_syscalls:sys_enter"
# Numbers of the calls that are told apart (asm/unistd_64.h, asm-generic/unistd.h). They are filters of one tracepoint:
# the kernel takes about 35 ms to release each tracepoint.
SYSTEM_CALLS: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "accept4": 288, "close": 3, "connect": 42, "epoll_ctl": 233, "epoll_pwait": 281, "epoll_wait": 232,
        "getsockopt": 55, "recvfrom": 45, "sendto": 44, "socket": 41, "writev": 20,
    },
    "aarch64": {
        "accept4": 242, "close": 57, "connect": 203, "epoll_ctl": 21, "epoll_pwait": 22,
        "getsockopt": 209, "recvfrom": 207, "sendto": 206, "socket": 198, "writev": 66,
    },
}  # fmt: skip
HARDWARE = {"cycles": "cycles", "instructions": "instructions", "cache-misses": "cache_misses"}
CAP_SYS_ADMIN = 21
RIGHTS_ADVICE = (
    "Run barehop as root with all its capabilities, or set kernel.perf_event_paranoid to -1 and mount tracefs."
)
UNSUPPORTED = "<not supported>"
TRACEFS_EVENTS = Path("/sys/kernel/tracing/events")
MOUNT_AND_RUN = 'mount -t tracefs none /sys/kernel/tracing && exec "$@"'
MAX_REQUESTS, MIN_REQUESTS = 100, 5
BURST_S = 0.5  # of an arm, where its requests are slow
PERF_FILES = ("control", "answers", "counts.csv")
MACHINE = "host"  # the owner of counters of the whole machine
INSTALL_ADVICE = "It is in the package linux-perf (Debian), linux-tools (Ubuntu) or perf (others)."

Pids = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Perf:
    """A running `perf stat` that counts between `enable` and `disable`."""

    running: SupervisedProcess
    control: int
    answers: int
    output: Path
    pids: Pids | None
    counters: Collection[str]

    def enable(self) -> None:
        """Start counting. Raise HarnessError where perf cannot count."""
        self._send(b"enable\n")

    def disable(self) -> None:
        """Stop counting."""
        self._send(b"disable\n")

    def ask_to_end(self) -> None:
        """Ask perf to write its counts and to exit."""
        os.kill(self.running.main_pid(), signal.SIGINT)

    def read_counts(self) -> tuple[dict[str, int], tuple[str, ...]]:
        """Wait until perf has ended; return the counts by names like "nginx.syscalls", and the unsupported events."""
        self.running.wait(PERF_TIMEOUT_S)
        with self.output.open("rb") as file:
            content = file.read(MAX_OUTPUT_BYTES + 1)
        if len(content) > MAX_OUTPUT_BYTES:
            raise MachineError(f"perf wrote more than {MAX_OUTPUT_BYTES} bytes. Count fewer threads.")
        output = content.decode(errors="replace")
        counts = parse_counts(output, tasks_of(self.pids or {}), system_calls(), self.counters)
        return counts, unsupported_events(output)

    def _send(self, command: bytes) -> None:
        os.write(self.control, command)
        if not select.select([self.answers], [], [], PERF_TIMEOUT_S)[0]:
            self.running.check()
            raise MachineError(f"perf did not answer within {PERF_TIMEOUT_S:g} s.")
        os.read(self.answers, 64)


@contextmanager
def perf_stat(program: str, pids: Pids | None, directory: Path, counters: Mapping[str, str]) -> Iterator[Perf]:
    """Start perf for every thread of `pids`; None: for `counters` of the whole machine, whoever runs.

    Where it may not or cannot count, `enable` raises HarnessError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    control, answers, output = (directory / name for name in PERF_FILES)
    descriptors = []
    with ExitStack() as exit_stack:
        for path in (control, answers):
            path.unlink(missing_ok=True)
            os.mkfifo(path)
            exit_stack.callback(path.unlink)
            descriptors.append(os.open(path, os.O_RDWR))
            exit_stack.callback(os.close, descriptors[-1])
        tasks = None if pids is None else tasks_of(pids)
        argv = perf_argv(program, tasks, directory, counters.values())
        command = SupervisedCommand(
            name="perf", argv=argv, log=directory / "perf.log", env={**os.environ, "LC_ALL": "C"}
        )
        running = exit_stack.enter_context(start_command(command))
        yield Perf(running, descriptors[0], descriptors[1], output, pids, tuple(counters))


def perf_argv(
    program: str, tasks: Mapping[int, str] | None, directory: Path, events: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return perf's command line: `events`, then system calls and hardware events of `tasks`.

    Without `tasks` it counts `events` of every CPU. Its files are in `directory`.
    """
    control, answers, output = (directory / name for name in PERF_FILES)
    words = [word for event in events for word in ("-e", event)]
    if tasks is None:
        words += ["-a", "-A"]
    else:
        filters = (("-e", ALL_CALLS, "--filter", f"id=={number}") for number in system_calls().values())
        words += ["-e", ALL_CALLS, *chain(*filters), "-e", ",".join(HARDWARE)]
        words += ["--per-thread", "-t", ",".join(map(str, tasks))]
    files = (f"--control=fifo:{control},{answers}", "-o", str(output))
    return with_tracefs((program, "stat", "-x", ";", "-D", "-1", *files, *words))


def with_tracefs(perf: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command `perf`; for root without tracefs, one that mounts it in a mount namespace of its own first."""
    if TRACEFS_EVENTS.exists() or os.geteuid() != 0:
        return perf
    return ("unshare", "--mount", "sh", "-c", MOUNT_AND_RUN, "sh", *perf)


def system_calls() -> Mapping[str, int]:
    """Return the system calls that are counted separately, with their numbers; none on an unknown architecture."""
    return SYSTEM_CALLS.get(platform.machine(), {})


def tasks_of(pids: Pids) -> dict[int, str]:
    """Return the role of each thread."""
    processes = ((Path(f"/proc/{pid}/task"), role) for role, role_pids in pids.items() for pid in role_pids)
    return {int(task.name): role for tasks, role in processes for task in tasks.glob("[0-9]*")}


def parse_counts(
    output: str, tasks: Mapping[int, str], calls: Iterable[str] = (), counters: Iterable[str] = ()
) -> dict[str, int]:
    """Return sums by role of lines `nginx-123;4512;;raw_syscalls:sys_enter;...` for each thread or CPU and event.

    The first lines of a thread have `counters`, then all system calls, then `calls`, in the order of perf's arguments.
    """
    own = [f"counters.{name}" for name in counters]
    names = (*own, "syscalls", *(f"syscalls.{name}" for name in calls))
    sums: dict[str, int] = {}
    lines: Counter[str] = Counter()
    for thread, count, event in _count_rows(output):
        if lines[thread] < len(own) or event == ALL_CALLS:
            event = names[lines[thread]]
        lines[thread] += 1
        role = _role_of(thread, tasks)
        if role and count.isdigit():
            sums[f"{role}.{event}"] = sums.get(f"{role}.{event}", 0) + int(count)
    return sums


def _role_of(thread: str, tasks: Mapping[int, str]) -> str | None:
    """Return the role of a thread, like `nginx-123`, or of a CPU, like `CPU0`."""
    task = re.search(r"-(\d+)$", thread)
    return tasks.get(int(task[1])) if task else MACHINE if re.fullmatch(r"CPU\d+", thread) else None


def unsupported_events(output: str) -> tuple[str, ...]:
    """Return the events that perf does not support on this machine."""
    return tuple(dict.fromkeys(event for _, count, event in _count_rows(output) if count == UNSUPPORTED))


def _count_rows(output: str) -> Iterator[tuple[str, str, str]]:
    """Yield thread, count and event of each line."""
    fields = (line.split(";") for line in output.splitlines())
    return ((line[0], line[1], _event(line[3])) for line in fields if len(line) > 3)


def _event(name: str) -> str:
    """Return our name for a perf event; on hybrid CPUs perf calls `cycles` `cpu_core/cycles/`."""
    name = re.sub(r"^\w+/(.+)/\w*$", r"\1", name)
    return HARDWARE.get(name.partition(":")[0], name)


def can_count(proc: Path = Path("/proc")) -> bool:
    """Return whether this process may count system calls of others, and can read tracefs or mount it."""
    paranoid = read_int(proc / "sys/kernel/perf_event_paranoid")
    if paranoid is not None and paranoid < 0 and TRACEFS_EVENTS.exists():
        return True
    match = re.search(r"^CapEff:\s+([0-9a-f]+)", read_text(proc / "self/status") or "", re.MULTILINE)
    return bool(match and int(match[1], 16) >> CAP_SYS_ADMIN & 1)


def unknown_counts(counters: Collection[str] = ()) -> str:
    """Return the beginning of a sentence on why neither system calls nor `counters`, if any, are known."""
    return f"System calls{' and [counters]' if counters else ''} per request are not known:"


def explain_failure(error: HarnessError, directory: Path, counters: Collection[str] = ()) -> str:
    """Return a sentence on why nothing was counted."""
    logs = [log for log in sorted(directory.glob("*/perf.log")) if log.stat().st_size]
    text = log_excerpt(logs[0], 3) if logs else str(error).partition(" Its log")[0]
    rights = "" if can_count() else f" {RIGHTS_ADVICE}"
    return f"{unknown_counts(counters)} perf said {' '.join(text.split())[:200]!r}.{rights}"


@dataclass(frozen=True, slots=True)
class PerfPass:
    """The counts per request, a row for each arm, and sentences on what could not be counted."""

    visits: tuple[VisitRow, ...] = ()
    unseen: tuple[str, ...] = ()


def perf_obstacle(experiment: Experiment) -> str | None:
    """Return why perf cannot count the bursts of `experiment`; "" where there is nothing to count, None if it can."""
    if find_program("perf") is None:
        return f"there is no program 'perf'. {INSTALL_ADVICE}"
    return counting_obstacle(experiment)


def expected_perf_s(experiment: Experiment) -> float:
    """Return the approximate seconds of the perf pass of a session; 0 if perf cannot count."""
    return perf_pass_s(len(experiment.arms), len(experiment.counters)) if perf_obstacle(experiment) is None else 0.0


def fitting_requests(time_s: float, request_s: float) -> int:
    """Return how many requests of a counted burst fit into `time_s`: 5 to 200."""
    return min(max(int(time_s / request_s), MIN_REQUESTS), MAX_REQUESTS) if request_s > 0 else MAX_REQUESTS


def count_bursts(
    visitors: Sequence[tuple[Visitor, Pids]], directory: Path, request_s: float, counters: Mapping[str, str]
) -> PerfPass:
    """Count one burst of each arm, or return a sentence on why perf could not.

    `request_s`: roughly, of a request. `counters`: further events by name, also of the whole machine.
    """
    try:
        return _count_bursts(visitors, directory, fitting_requests(BURST_S, request_s), counters)
    except HarnessError as error:
        return PerfPass(unseen=(explain_failure(error, directory, counters),))


def _count_bursts(
    visitors: Sequence[tuple[Visitor, Pids]], directory: Path, requests: int, counters: Mapping[str, str]
) -> PerfPass:
    """Count the bursts. Each arm has its own perf, so that all start and stop together, which is slow."""
    program = find_program("perf") or "perf"
    with ExitStack() as exit_stack:
        perfs = [
            exit_stack.enter_context(_arm_perfs(program, pids, directory / f"{number:02}", counters))
            for number, (_, pids) in enumerate(visitors)
        ]
        for (visitor, _), of_arm in zip(visitors, perfs, strict=True):
            for perf in of_arm:
                perf.enable()
            visitor.send(requests, 0, 0)
            for perf in of_arm:
                perf.disable()
        for perf in chain(*perfs):
            perf.ask_to_end()
        results = [[perf.read_counts() for perf in of_arm] for of_arm in perfs]
    rows = []
    for (visitor, _), of_arm_counts in zip(visitors, results, strict=True):
        per_request = {name: count / requests for counts, _ in of_arm_counts for name, count in counts.items()}
        rows.append(VisitRow(round=0, order=0, arm=visitor.arm, requests=requests, mean_us=None, counters=per_request))
    unsupported = dict.fromkeys(event for _, events in chain(*results) for event in events)
    return PerfPass(tuple(rows), tuple(_missing_counts(rows, unsupported, counters)))


@contextmanager
def _arm_perfs(program: str, pids: Pids, directory: Path, counters: Mapping[str, str]) -> Iterator[list[Perf]]:
    """Start perf for the threads of an arm and, with `counters`, for the whole machine.

    What the kernel does for a process in an interrupt counts for whatever runs just then.
    """
    with ExitStack() as exit_stack:
        perfs = [exit_stack.enter_context(perf_stat(program, pids, directory, counters))]
        if counters:
            of_machine = perf_stat(program, None, directory.with_name(f"{directory.name}-machine"), counters)
            perfs.append(exit_stack.enter_context(of_machine))
        yield perfs


def _missing_counts(rows: Iterable[VisitRow], unsupported: Iterable[str], counters: Iterable[str]) -> Iterator[str]:
    """Yield a sentence on events that this machine does not support, and on `counters` that perf never counted."""
    if events := ", ".join(unsupported):
        yield f"perf hardware counters ({events}) are not available on this machine."
    known = {name.partition(".counters.")[2] for row in rows for name in row.counters}
    if missing := [name for name in counters if name not in known]:
        yield f"perf gave no count of {', '.join(missing)}. Count fewer hardware events at the same time."
