"""The scheduler's events as perf prints them: when each thread ran, and which thread woke it."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

RECORD_OPTIONS = ("-e", "sched:sched_waking", "-a", "--switch-events")
# perf itself notes each switch. The tracepoint sched_switch would not do: on some kernels perf loses the events of idle
# CPUs, so a thread that runs next is never seen to start.
SCRIPT_OPTIONS = ("--show-switch-events",)
FIELDS = "comm,pid,tid,cpu,time,event,trace"
IDLE = 0  # the thread of a CPU that has nothing to run; what it wakes, an interrupt wakes
LINE = re.compile(
    r"\s*(.*?)\s+(-?\d+)/(-?\d+)\s+\[(\d+)\]\s+(\d+)\.(\d{9}):\s+"
    r"(?:sched:sched_waking:\s+(.*)|PERF_RECORD_SWITCH_CPU_WIDE (IN|OUT)( preempt)?)"
)
# perf prints the fields of an event, or, with the plugins of libtraceevent, `nginx:812 [120] CPU:001`.
WAKING = re.compile(r"(?:comm=)?(.*)(?: pid=|:)(\d+) (?:prio=-?\d+|\[-?\d+\])")


class ThreadRun(NamedTuple):
    """The time in which a thread ran; `is_preempted` if it did not want to stop. In ns of the monotonic clock."""

    start_ns: float
    end_ns: float
    is_preempted: bool = False


class Wakeup(NamedTuple):
    """The moment at which a thread was woken, and what ran on the CPU that woke it."""

    time_ns: int
    waker: int


@dataclass(frozen=True, slots=True)
class Trace:
    """The runs and the wake-ups of each thread, in order of time, its command, and the process that it belongs to."""

    runs: Mapping[int, Sequence[ThreadRun]] = field(default_factory=dict)
    wakeups: Mapping[int, Sequence[Wakeup]] = field(default_factory=dict)
    commands: Mapping[int, str] = field(default_factory=dict)
    processes: Mapping[int, int] = field(default_factory=dict)

    def run_before(self, thread: int, time_ns: float) -> int:
        """Return the index of the last run of `thread` that began before `time_ns`; -1 without any."""
        return bisect_left(self.runs.get(thread, ()), time_ns, key=lambda run: run.start_ns) - 1

    def last_wakeup(self, thread: int, after_ns: float, until_ns: float) -> Wakeup | None:
        """Return the last wake-up of `thread` after `after_ns` and not after `until_ns`."""
        wakeups = self.wakeups.get(thread, ())
        index = bisect_left(wakeups, until_ns + 1, key=lambda wakeup: wakeup.time_ns) - 1
        return wakeups[index] if index >= 0 and wakeups[index].time_ns > after_ns else None

    def runs_in(self, thread: int, start_ns: float, end_ns: float) -> Iterator[tuple[float, float]]:
        """Yield the parts of the runs of `thread` between two times."""
        runs = self.runs.get(thread, ())
        for index in range(max(self.run_before(thread, start_ns), 0), self.run_before(thread, end_ns) + 1):
            low, high = max(runs[index].start_ns, start_ns), min(runs[index].end_ns, end_ns)
            if low < high:
                yield low, high


@dataclass(slots=True)
class _TraceBuilder:
    runs: dict[int, list[ThreadRun]] = field(default_factory=dict)
    wakeups: dict[int, list[Wakeup]] = field(default_factory=dict)
    commands: dict[int, str] = field(default_factory=dict)
    processes: dict[int, int] = field(default_factory=dict)
    running_since: dict[int, float] = field(default_factory=dict)  # by thread
    known_cpus: set[str] = field(default_factory=set)

    def start(self, thread: int, cpu: str, time_ns: int) -> None:
        """Add the start of a run."""
        self.known_cpus.add(cpu)
        self.running_since[thread] = time_ns

    def stop(self, thread: int, cpu: str, time_ns: int, *, is_preempted: bool) -> None:
        """Add the end of a run, unless its start was lost; the first one of a CPU began before the trace."""
        start_ns = self.running_since.pop(thread, None if cpu in self.known_cpus else -inf)
        self.known_cpus.add(cpu)
        if start_ns is not None:
            self.runs.setdefault(thread, []).append(ThreadRun(start_ns, time_ns, is_preempted))

    def trace(self) -> Trace:
        """Return the trace; what still runs at its end runs on."""
        for thread, start_ns in self.running_since.items():
            self.runs.setdefault(thread, []).append(ThreadRun(start_ns, inf))
        return Trace(self.runs, self.wakeups, self.commands, self.processes)


def read_trace(lines: Iterable[str]) -> Trace:
    """Return the trace from what `perf script --ns --show-switch-events` prints of FIELDS; skip other lines."""
    builder = _TraceBuilder()
    for line in lines:
        if match := LINE.match(line):
            command, pid, tid, cpu, seconds, fraction, waking, direction, preempt = match.groups()
            thread, time_ns = int(tid), int(seconds) * 10**9 + int(fraction)
            builder.processes[thread], builder.commands[thread] = int(pid), command
            if direction == "IN":
                builder.start(thread, cpu, time_ns)
            elif direction == "OUT":
                builder.stop(thread, cpu, time_ns, is_preempted=bool(preempt))
            elif woken := WAKING.match(waking):
                builder.wakeups.setdefault(int(woken[2]), []).append(Wakeup(time_ns, thread))
    return builder.trace()
