"""Visit the arms in the order of the plan; while a burst runs, the harness does nothing else."""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from statistics import fmean

from harness.load.burst import Burst
from harness.load.client import gc_disabled
from harness.load.drivers import Send
from harness.load.loops import SearchStep, percentiles_us
from harness.model import GaugeSnapshot, Schedule, ToolResult, Visit
from harness.model.http import is_changed_answer

WARM_UP_REQUESTS = 40
WARM_UP_PIECE = 5
WARM_UP_S = 0.5
DRAW_AHEAD_FACTOR = 2  # orders drawn ahead / expected rounds
MAX_DRAWN_AHEAD = 20_000
# After the last answer the servers still close connections; this CPU time belongs to the same visit.
AFTERMATH_S = 0.0002

RoundOrders = Iterable[Sequence[int]]
CpuReader = Callable[[], Mapping[str, int]]
Counters = tuple[Callable[[], GaugeSnapshot], Callable[[], GaugeSnapshot]]  # read before a visit, and after it


@dataclass(frozen=True, slots=True)
class Visitor:
    """The functions that visit an arm: `send(settle, timed, round)`, and `cpu()`, the CPU time so far by role.

    `before_visit` is called before a visit, for example to move the client to its CPUs. `counters` are read before and
    after the visits of every second round, so that a run shows whether reading them slows requests; None: never.
    """

    arm: str
    send: Send
    cpu: CpuReader
    counters: Counters | None = None
    before_visit: Callable[[], None] | None = None
    to_nginx: bool = True  # False: the client's connections are the hop


def warm_up(visitors: Sequence[Visitor]) -> None:
    """Send some requests to every arm, fewer if they are slow."""
    for visitor in visitors:
        ends, sent = time.monotonic() + WARM_UP_S, 0
        while sent < WARM_UP_REQUESTS and (not sent or time.monotonic() < ends):
            visitor.send(WARM_UP_PIECE, 0, 0)
            sent += WARM_UP_PIECE


def measure_round_s(order: Sequence[int], visitors: Sequence[Visitor], schedule: Schedule, patience_s: float) -> float:
    """Return the mean seconds of a round, from as many rounds as fit into `patience_s`."""
    with gc_disabled():
        started, rounds = time.monotonic(), 0
        while rounds < 1 or time.monotonic() - started < patience_s:
            _visit_round(order, visitors, schedule, rounds)
            rounds += 1
        return (time.monotonic() - started) / rounds


def run_visits(
    orders: RoundOrders,
    visitors: Sequence[Visitor],
    schedule: Schedule,
    before_round: Callable[[], None] = lambda: None,
) -> list[Visit]:
    """Visit the arms, round by round, as long as time allows. Raises OSError if a server process has ended."""
    results: list[Visit] = []
    with gc_disabled():
        for number, order in enumerate(rounds_in_time(_draw_ahead(orders, schedule), schedule)):
            before_round()
            results += _visit_round(order, visitors, schedule, number)
    return results


def _draw_ahead(orders: RoundOrders, schedule: Schedule) -> RoundOrders:
    """Return the same orders, drawn ahead so that there is nothing to do between two visits."""
    source = iter(orders)
    ahead = list(islice(source, min(DRAW_AHEAD_FACTOR * schedule.rounds, MAX_DRAWN_AHEAD)))
    return chain(ahead, source)


def rounds_in_time(
    orders: RoundOrders, schedule: Schedule, now: Callable[[], float] = time.monotonic
) -> Iterator[Sequence[int]]:
    """Yield all `orders`, or if time is limited those that end in time at the mean duration so far.

    The schedule's `fewest_rounds` are made however long they take.
    """
    began = now()
    limit_s = math.inf if schedule.visiting_s is None else schedule.visiting_s
    for number, order in enumerate(orders):
        spent_s = now() - began
        if number >= schedule.fewest_rounds and spent_s * (number + 1) / number > limit_s:
            return
        yield order


def _visit_round(order: Sequence[int], visitors: Sequence[Visitor], schedule: Schedule, number: int) -> list[Visit]:
    return [_visit_arm(visitors[index], schedule, number, place) for place, index in enumerate(order)]


def _visit_arm(visitor: Visitor, schedule: Schedule, round_: int, place: int) -> Visit:
    if visitor.before_visit:
        visitor.before_visit()
    counters = visitor.counters if is_counted(round_) else None
    counters_before = counters[0]() if counters else ()
    before = visitor.cpu()
    started_ns = time.monotonic_ns()
    result = visitor.send(schedule.settle, schedule.burst, round_)
    wall_ns = time.monotonic_ns() - started_ns
    time.sleep(AFTERMATH_S)
    after = visitor.cpu()
    visit = Visit(
        round=round_,
        order=place,
        arm=visitor.arm,
        requests=0,
        mean_us=None,
        cpu_ns={role: after[role] - before[role] for role in after},
        wall_ns=wall_ns,
        snapshots=(counters_before, counters[1]()) if counters else None,
        front_connections=None if visitor.to_nginx else 0,
    )
    if isinstance(result, ToolResult):
        return _add_tool_result(visit, result, schedule.settle)
    return _add_step(visit, result) if isinstance(result, SearchStep) else _add_burst(visit, result)


def _add_burst(visit: Visit, burst: Burst) -> Visit:
    """Return the visit with a burst; in an open loop the mean is from the intended send times."""
    late_us = fmean(burst.late_ns) / 1000 if burst.late_ns else None
    return replace(
        visit,
        requests=len(burst.latency_ns),
        mean_us=fmean(burst.latency_ns) / 1000 + (late_us or 0) if burst.latency_ns else None,
        failures=burst.failures,
        positions=burst.positions,
        start_ns=burst.start_ns,
        latency_ns=burst.latency_ns,
        late_ns=burst.late_ns,
        late_us=late_us,
        interval_us=burst.interval_ns / 1000 or None,
        cpu_requests=burst.sent,
        front_connections=burst.connections if visit.front_connections is None else 0,
    )


def _add_step(visit: Visit, step: SearchStep) -> Visit:
    """Return the visit with a search step, without a mean and single times, because rates differ from step to step.

    Requests that fail at a rate that is too high are no failures of the arm; changed answers are.
    """
    failures = step.burst.failures.items()
    return replace(
        _add_burst(visit, step.burst),
        mean_us=None,
        failures={kind: count for kind, count in failures if step.rate_per_s is None or is_changed_answer(kind)},
        positions=(),
        start_ns=(),
        latency_ns=(),
        late_ns=(),
        percentiles_us=percentiles_us(step.burst),
        rate_per_s=step.rate_per_s,
        cpu_requests=step.sent,
        holds=step.holds,
    )


def _add_tool_result(visit: Visit, result: ToolResult, settle: int) -> Visit:
    """Return the visit with a run of a tool, before which `settle` requests were sent; `wall_ns` without its start."""
    sent = max(result.sent, result.requests + sum(result.failures.values()))
    return replace(
        visit,
        requests=result.requests,
        mean_us=result.mean_us if result.requests else None,
        failures=result.failures,
        positions=tuple(range(len(result.latency_us))),
        start_ns=(0,) * len(result.latency_us),  # unknown
        latency_ns=tuple(round(1000 * us) for us in result.latency_us),
        percentiles_us=result.percentiles_us,
        interval_us=1e6 * result.duration_s / result.requests if result.requests else None,
        wall_ns=round(1e9 * result.duration_s * (settle + sent) / max(1, sent)),
        cpu_requests=settle + sent,
    )


def is_counted(round_: int) -> bool:
    """Return whether counters are read: in round 0, then in one of each two rounds at random."""
    couple = round_ // 2
    return round_ % 2 == (random.Random(couple).getrandbits(1) if couple else 0)  # noqa: S311 - chance, not secrecy
