"""Reads the CPU time of the servers, with all their descendants."""

import os
import re
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.errors import MachineError, StackError
from harness.model import SERVICE_ROLE, Arm, Settings
from harness.testbed.machine.procfs import read_text
from harness.testbed.processes.process import PROC, ProcessFamily

# Clock ids hold the inverted process number, and 2 for "scheduled time" (include/linux/posix-timers.h). The clock sums
# sum_exec_runtime, as in /proc/PID/schedstat, of every thread, also of a running one, in one system call.
SCHEDULED_TIME_CLOCK = 2
STAT_BYTES = 1024
MAX_ATTEMPTS = 20
ROUNDING_TICKS = 4  # user and system time are each rounded down, before and after
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the name, counted from the state.
PARENT, CHILD_MINOR_FAULTS, OWN_USER, OWN_SYSTEM, CHILD_USER, CHILD_SYSTEM, STARTED = 1, 8, 11, 12, 13, 14, 19
CGROUPS = Path("/sys/fs/cgroup")
# Directories of cgroups below it: version 2, and the hierarchies of version 1 that count CPU time.
HIERARCHIES = ("", "cpu,cpuacct", "cpuacct", "unified")
_USAGE = re.compile(rb"^usage_usec (\d+)$", re.MULTILINE)

ServiceCpuTimes = Callable[[], Mapping[str, int]]


@dataclass(slots=True)
class FamilyClock:
    """CPU time of a process family: clocks of living processes except supervisors, plus times of ended children.

    The time of a process that ends moves to the parent that waits for it, in whole ticks. The clock looks for new
    processes only when the kernel has started one, anywhere, since the last reading.
    """

    family: ProcessFamily
    proc: Path = PROC
    stats: dict[int, int] = field(default_factory=dict)  # by pid: its open stat file
    newest: bytes = b""
    total_ns: int = 0
    lost_ns: int = 0  # of processes without a waiting parent, up to the reading before their end

    def read_ns(self) -> int:
        """Return the CPU time so far. Raise OSError when a worker has ended."""
        # The last field is the number of the latest process of the machine: unless it changed, no process is new.
        newest = (self.proc / "loadavg").read_bytes().rpartition(b" ")[2]
        if newest != self.newest:
            self.newest = newest
            self._find_processes()
        total_ns = self._total_ns()
        # A process without a waiting parent takes its time along when it ends, and the sum of clocks falls.
        if total_ns + self.lost_ns + ROUNDING_TICKS * TICK_NS < self.total_ns:
            self.lost_ns = self.total_ns - total_ns
        self.total_ns = total_ns + self.lost_ns
        return self.total_ns

    def close(self) -> None:
        """Close all files."""
        while self.stats:
            os.close(self.stats.popitem()[1])

    def _find_processes(self) -> None:
        """Open new processes. A process stays until it has ended, also when it changes its parent."""
        for pid in [pid for pid, descriptor in self.stats.items() if not _has_process(descriptor)]:
            os.close(self.stats.pop(pid))
        for pid in self.family.all_pids(self.proc):
            if pid not in self.stats:
                with suppress(OSError):  # it has ended in between
                    self.stats[pid] = os.open(self.proc / str(pid) / "stat", os.O_RDONLY | os.O_CLOEXEC)
        if missing := set(self.family.workers) - self.stats.keys():
            raise ProcessLookupError(f"The worker {min(missing)} has ended.")

    def _total_ns(self) -> int:
        """Return the sum of all clocks. Where processes come and go fast, a process may end in every attempt."""
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return self._sum_ns()
            except OSError:  # a process has just ended
                self._find_processes()
        return self._sum_ns()

    def _sum_ns(self) -> int:
        read_ns = time.clock_gettime_ns
        clocks_ns = sum(read_ns(cpu_clock_id(pid)) for pid in self.stats if pid not in self.family.supervisors)
        stats = (os.pread(descriptor, STAT_BYTES, 0).decode(errors="replace") for descriptor in self.stats.values())
        return clocks_ns + TICK_NS * sum(parse_stat(stat).reaped_ticks for stat in stats)


def cpu_reader(
    pids: Mapping[str, Sequence[int]], families: Mapping[str, FamilyClock] | None = None
) -> Callable[[], Mapping[str, int]]:
    """Return a function that reads the CPU time of the client and each role; it raises OSError when a process ended.

    For roles in `families` it counts every process, also those that come and go; for the others exactly `pids`.
    """
    changing = families or {}
    fixed = {role: list(map(cpu_clock_id, role_pids)) for role, role_pids in pids.items() if role not in changing}
    read_ns = time.clock_gettime_ns

    def read() -> Mapping[str, int]:
        tools = resource.getrusage(resource.RUSAGE_CHILDREN)  # every load tool that has ended, with its supervisor
        client_ns = time.process_time_ns() + round((tools.ru_utime + tools.ru_stime) * 1e9)
        fixed_ns = {role: sum(map(read_ns, clocks)) for role, clocks in fixed.items()}
        return {"client": client_ns, **fixed_ns, **{role: clock.read_ns() for role, clock in changing.items()}}

    return read


def cpu_clock_id(pid: int) -> int:
    """Return the clock id of a process for clock_gettime."""
    return (~pid << 3) | SCHEDULED_TIME_CLOCK


def _has_process(descriptor: int) -> bool:
    try:
        return bool(os.pread(descriptor, STAT_BYTES, 0))
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class ProcessTime:
    """The CPU time of one process. The start time distinguishes it from a later one with the same pid."""

    name: str = ""
    started_ticks: int = 0
    cpu_ticks: int = 0  # of all threads, also ended ones, without children
    parent: int = 0
    reaped_ticks: int = 0  # of ended children
    reaped_faults: int = 0  # minor page faults reveal even children with less than a tick


def parse_stat(stat: str | None) -> ProcessTime:
    """Parse `pid (a name with spaces and brackets) state parent ...`; all is 0 if the process has ended. man 5 proc."""
    head, _, tail = (stat or "").rpartition(") ")
    fields = tail.split()
    if len(fields) <= STARTED:
        return ProcessTime()
    return ProcessTime(
        name=head.partition(" (")[2],
        started_ticks=int(fields[STARTED]),
        cpu_ticks=int(fields[OWN_USER]) + int(fields[OWN_SYSTEM]),
        parent=int(fields[PARENT]),
        reaped_ticks=int(fields[CHILD_USER]) + int(fields[CHILD_SYSTEM]),
        reaped_faults=int(fields[CHILD_MINOR_FAULTS]),
    )


def read_reaped(family: ProcessFamily, proc: Path = PROC) -> tuple[int, int]:
    """Return the clock ticks and page faults of ended children of the family, as the kernel adds them up in parents."""
    times = [parse_stat(read_text(proc / str(pid) / "stat")) for pid in family.all_pids(proc)]
    return sum(time.reaped_ticks for time in times), sum(time.reaped_faults for time in times)


def service_cpu_reader(arm: Arm) -> ServiceCpuTimes:
    """Return a function that reads the CPU time of the client and of a service; StackError if the service has ended."""
    settings = arm.settings
    read = cpu_reader({SERVICE_ROLE: process_tree(settings.pids)} if settings.pids else {})
    usage = _usage_file(settings.cgroup) if settings.cgroup else None

    def read_or_raise() -> Mapping[str, int]:
        try:
            return {**read(), SERVICE_ROLE: _usage_ns(usage)} if usage else read()
        except OSError as error:
            raise StackError(
                f"Arm {arm.name!r}: a process or the cgroup behind {settings.url} has ended since the session began "
                f"({error.strerror}). Where processes come and go, give their cgroup, which counts them all."
            ) from None

    return read_or_raise


def service_pids(settings: Settings) -> frozenset[int]:
    """Return the process ids of the service at this moment. Raise MachineError where it does not exist."""
    if settings.cgroup:
        texts = [file.read_text() for file in _usage_file(settings.cgroup).parent.rglob("cgroup.procs")]
        return frozenset(int(pid) for text in texts for pid in text.split())
    return frozenset(process_tree(settings.pids))


def service_machine_problems(settings: Settings) -> Iterator[str]:
    """Yield why this machine cannot find the processes, the cgroup or the certificate that the settings name."""
    try:
        service_pids(settings)
    except MachineError as problem:
        yield str(problem)
    if settings.authority and not Path(settings.authority).is_file():
        yield f"The file {settings.authority} of authority does not exist. Give a certificate in PEM."


def process_tree(pids: tuple[int, ...]) -> tuple[int, ...]:
    """Return the processes and all their descendants, without repetitions. Raise MachineError for a missing one."""
    tree: dict[int, None] = {}
    for pid in pids:
        try:
            process = psutil.Process(pid)
            tree |= dict.fromkeys([pid, *(child.pid for child in process.children(recursive=True))])
        except psutil.Error:
            raise MachineError(
                f"The process {pid} of pids does not exist. A container has another process id after each start: "
                "docker inspect --format '{{.State.Pid}}' NAME shows it."
            ) from None
    return tuple(tree)


def _usage_file(cgroup: str) -> Path:
    """Return the file with the CPU time of a cgroup: cpuacct.usage, or cpu.stat if it counts the time."""
    directories = [CGROUPS / hierarchy / cgroup for hierarchy in HIERARCHIES]  # an absolute path stays as it is
    for path in (directory / name for directory in directories for name in ("cpuacct.usage", "cpu.stat")):
        if path.is_file() and (path.name == "cpuacct.usage" or _USAGE.search(path.read_bytes())):
            return path
    raise MachineError(
        f"The cgroup {cgroup} counts no CPU time here: there is neither cpuacct.usage nor usage_usec in cpu.stat. Give "
        "its directory, absolute or below /sys/fs/cgroup; /proc/PID/cgroup shows it."
    )


def _usage_ns(path: Path) -> int:
    content = path.read_bytes()
    if path.name == "cpuacct.usage":
        return int(content)
    return 1000 * sum(map(int, _USAGE.findall(content)))
