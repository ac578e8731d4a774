"""The way of a request from thread to thread, followed back from its end: who ran, and who had to be woken for it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean, median
from typing import NamedTuple

from harness.model import ROLES
from harness.model.metrics import SLOWEST_PARTS
from harness.model.waiting import ArmWaiting, ChainPartKind, RoleWaiting, WakeLink
from harness.observe.sched_trace import IDLE, Trace

PREEMPTED, INTERRUPT, UNKNOWN, KSOFTIRQD, STRANGER = (
    "ready, but another thread runs", "interrupt on an idle CPU", "not followed", "ksoftirqd", "another process",
)  # fmt: skip
Part = tuple[ChainPartKind, str, str]  # kind, role or what else, and the waker of a wake-up


class Segment(NamedTuple):
    """A stretch of the way of a request."""

    part: Part
    start_ns: float
    end_ns: float


@dataclass(frozen=True, slots=True)
class TracedRequest:
    """A request from `start_ns` to `end_ns`: the time in each part of its way, and off the CPU by role."""

    latency_ns: float
    parts: dict[Part, float]
    wakeups: Mapping[Part, int]
    off_cpu_ns: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Threads:
    """The trace with the role of each thread; `client` is the thread that sends the requests."""

    trace: Trace
    roles: Mapping[int, str]
    client: int

    def name(self, thread: int) -> str:
        """Return the role of a thread, or what else it is."""
        if thread in self.roles:
            return self.roles[thread]
        return KSOFTIRQD if self.trace.commands.get(thread, "").startswith(KSOFTIRQD) else STRANGER

    def follow_back(self, start_ns: float, end_ns: float) -> Iterator[Segment]:
        """Yield the way of a request from its end to its start, without a gap."""
        reached_ns = end_ns
        for part, low_ns, high_ns in self._walk(end_ns):
            reached_ns = max(low_ns, start_ns)
            yield Segment(part, reached_ns, high_ns)
            if low_ns <= start_ns:
                return
        yield Segment(("other", UNKNOWN, ""), start_ns, reached_ns)

    def _walk(self, time_ns: float) -> Iterator[Segment]:
        """Yield the way from `time_ns` back: a thread runs since it was woken by another, which ran, and so on."""
        thread = self.client
        while True:
            if thread == IDLE:  # nothing ran there: an interrupt is the work of the thread of ours that ran last
                thread, ran_ns = self._last_to_run(time_ns)
                yield Segment(("other", INTERRUPT, ""), ran_ns, time_ns)
                time_ns = ran_ns
            runs, index = self.trace.runs.get(thread, ()), self.trace.run_before(thread, time_ns)
            if index < 0 or runs[index].end_ns < time_ns:
                return
            run, before = runs[index], runs[index - 1] if index else None
            yield Segment(self._running(thread), run.start_ns, time_ns)
            if before and before.is_preempted:
                yield Segment(("other", PREEMPTED, ""), before.end_ns, run.start_ns)
                time_ns = before.end_ns
                continue
            wakeup = self.trace.last_wakeup(thread, before.start_ns if before else 0, run.start_ns)
            if wakeup is None:
                return
            asleep_ns = max(wakeup.time_ns, before.end_ns if before else 0)
            waker = INTERRUPT if wakeup.waker == IDLE else self.name(wakeup.waker)
            yield Segment(("wake-up", self.name(thread), waker), asleep_ns, run.start_ns)
            if asleep_ns > wakeup.time_ns:  # woken before it slept
                yield Segment(self._running(thread), wakeup.time_ns, asleep_ns)
            thread, time_ns = wakeup.waker, wakeup.time_ns

    def _running(self, thread: int) -> Part:
        name = self.name(thread)
        return ("cpu" if name in ROLES else "other", name, "")

    def _last_to_run(self, time_ns: float) -> tuple[int, float]:
        """Return the thread of a role that ran last before `time_ns`, and until when; the client at 0 without any."""
        last = (0.0, self.client)
        for thread in self.roles:
            index = self.trace.run_before(thread, time_ns)
            if index >= 0:
                last = max(last, (min(self.trace.runs[thread][index].end_ns, time_ns), thread))
        return last[1], last[0]

    def off_cpu_ns(self, role: str, start_ns: float, end_ns: float) -> float:
        """Return how long no thread of `role` ran."""
        threads = [thread for thread, own in self.roles.items() if own == role]
        runs = sorted(run for thread in threads for run in self.trace.runs_in(thread, start_ns, end_ns))
        on_cpu_ns, reached_ns = 0.0, start_ns
        for low_ns, high_ns in runs:
            on_cpu_ns += max(high_ns - max(low_ns, reached_ns), 0)
            reached_ns = max(reached_ns, high_ns)
        return end_ns - start_ns - on_cpu_ns

    def trace_request(self, start_ns: float, end_ns: float) -> TracedRequest:
        """Return the parts of the time of a request."""
        parts: defaultdict[Part, float] = defaultdict(float)
        wakeups: Counter[Part] = Counter()
        for part, low_ns, high_ns in self.follow_back(start_ns, end_ns):
            parts[part] += high_ns - low_ns
            wakeups[part] += part[0] == "wake-up"
        off_cpu_ns = {role: self.off_cpu_ns(role, start_ns, end_ns) for role in ROLES if role in self.roles.values()}
        return TracedRequest(end_ns - start_ns, parts, wakeups, off_cpu_ns)


def arm_waiting(arm: str, bursts: Iterable[Sequence[tuple[int, int]]], threads: Threads) -> ArmWaiting | None:
    """Return the waiting of an arm from the (start, latency) in ns of the requests of its bursts; None without any."""
    by_burst = [
        [threads.trace_request(start_ns, start_ns + latency_ns) for start_ns, latency_ns in burst] for burst in bursts
    ]
    requests = [request for burst in by_burst for request in burst]
    typical = [
        request
        for burst in by_burst
        for request in sorted(burst, key=lambda request: request.latency_ns)[: len(burst) - len(burst) // SLOWEST_PARTS]
    ]
    if not requests:
        return None
    parts = dict.fromkeys(part for request in requests for part in reversed(request.parts))
    mean_us = {part: _round_us(fmean(request.parts.get(part, 0) for request in typical)) for part in parts}
    return ArmWaiting(
        arm=arm,
        requests=len(requests),
        incomplete=sum(("other", UNKNOWN, "") in request.parts for request in requests),
        request_us=_round_us(fmean(request.latency_ns for request in typical)),
        roles={role: _role_waiting(role, requests, typical, mean_us) for role in requests[0].off_cpu_ns},
        links=tuple(_link(part, requests, us) for part, us in mean_us.items() if part[0] == "wake-up"),
        other_us={name: us for (kind, name, _), us in mean_us.items() if kind == "other"},
    )


def _role_waiting(
    role: str, requests: Sequence[TracedRequest], typical: Sequence[TracedRequest], mean_us: Mapping[Part, float]
) -> RoleWaiting:
    wakeups_ns = [
        sum(ns for (kind, name, _), ns in request.parts.items() if kind == "wake-up" and name == role)
        for request in requests
    ]
    return RoleWaiting(
        path_us=mean_us.get(("cpu", role, ""), 0.0),
        off_cpu_us=_round_us(fmean(request.off_cpu_ns[role] for request in typical)),
        wakeup_median_us=_round_us(median(wakeups_ns)),
        wakeup_p99_us=_round_us(_p99(wakeups_ns)),
    )


def _link(part: Part, requests: Sequence[TracedRequest], us: float) -> WakeLink:
    latencies_ns = [request.parts[part] for request in requests if part in request.parts]
    return WakeLink(
        waker=part[2],
        woken=part[1],
        wakeups=round(sum(request.wakeups.get(part, 0) for request in requests) / len(requests), 4),
        us=us,
        median_us=_round_us(median(latencies_ns)),
        p99_us=_round_us(_p99(latencies_ns)),
    )


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[ceil(0.99 * len(values)) - 1]


def _round_us(ns: float) -> float:
    return round(ns / 1000, 4)
