"""Visits the arms in the order of the plan; while a burst runs, nothing else happens."""

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from harness.load.client import quietly
from harness.load.crowd.search import Step
from harness.load.senders import Seen, Send
from harness.load.sights import sights
from harness.model import Schedule, Snapshot, Visit

WARM_UP_REQUESTS = 40
FEWEST_ROUNDS = 2
# After the last answer the servers still close connections; their CPU time belongs to the visit that caused it.
AFTERMATH_S = 0.0002

Orders = Sequence[Sequence[int]]
CpuReader = Callable[[], Mapping[str, int]]
Counters = tuple[Callable[[], Snapshot], Callable[[], Snapshot]]  # how they are read before a visit and after it


@dataclass(frozen=True, slots=True)
class Visitor:
    """How an arm is visited: `send(settle, timed, round)`, and the CPU time used for it so far, by role.

    `approach` is what the client does before it, as moving to the CPUs from which this arm is visited. `counters` are
    read before and after the visits of one of each two rounds, so that a run shows by itself whether
    reading them costs the requests anything; None: never.
    """

    arm: str
    send: Send
    cpu: CpuReader
    counters: Counters | None = None
    approach: Callable[[], None] | None = None
    to_nginx: bool = True  # else the connections that the client opens are the hop


def warm_up(visitors: Sequence[Visitor]) -> None:
    for visitor in visitors:
        visitor.send(WARM_UP_REQUESTS, 0)


def round_cost_s(order: Sequence[int], visitors: Sequence[Visitor], schedule: Schedule, patience_s: float) -> float:
    """What a round takes, from as many rounds as fit `patience_s`."""
    with quietly():
        started, rounds = time.monotonic(), 0
        while rounds < 1 or time.monotonic() - started < patience_s:
            _round(order, visitors, schedule, rounds)
            rounds += 1
        return (time.monotonic() - started) / rounds


def visits(orders: Orders, visitors: Sequence[Visitor], schedule: Schedule) -> list[Visit]:
    """One visit for each place of each round that fits the time. Raises OSError when a server process has ended."""
    with quietly():
        in_time = _in_time(orders, schedule.visiting_s)
        rounds = [_round(order, visitors, schedule, number) for number, order in enumerate(in_time)]
    return list(chain.from_iterable(rounds))


def _in_time(orders: Orders, visiting_s: float | None) -> Iterator[Sequence[int]]:
    """All `orders`, or where time is limited as many as begin within it, and always the first two."""
    ends = math.inf if visiting_s is None else time.monotonic() + visiting_s
    for number, order in enumerate(orders):
        if number >= FEWEST_ROUNDS and time.monotonic() > ends:
            return
        yield order


def _round(order: Sequence[int], visitors: Sequence[Visitor], schedule: Schedule, number: int) -> list[Visit]:
    return [_visit(visitors[index], schedule, number, place) for place, index in enumerate(order)]


def _visit(visitor: Visitor, schedule: Schedule, round_: int, place: int) -> Visit:
    if visitor.approach:
        visitor.approach()
    counters = visitor.counters if is_counted(round_) else None
    counted_before = counters[0]() if counters else ()
    before = visitor.cpu()
    started_ns = time.monotonic_ns()
    seen = visitor.send(schedule.settle, schedule.burst, round_)
    wall_ns = time.monotonic_ns() - started_ns
    time.sleep(AFTERMATH_S)
    after = visitor.cpu()
    return Visit(
        round=round_,
        order=place,
        arm=visitor.arm,
        cpu_ns={role: after[role] - before[role] for role in after},
        snapshots=(counted_before, counters[1]()) if counters else None,
        front_connections=_front_connections(visitor, seen),
        **{"wall_ns": wall_ns, **sights(seen, schedule.settle)},
    )


def _front_connections(visitor: Visitor, seen: Seen) -> int | None:
    if not visitor.to_nginx:
        return 0
    return seen.burst.connections if isinstance(seen, Step) else getattr(seen, "connections", None)


def is_counted(round_: int) -> bool:
    """One of each two rounds: the first of the first two, then at random, for a machine has rhythms of its own."""
    couple = round_ // 2
    return round_ % 2 == (random.Random(couple).getrandbits(1) if couple else 0)  # noqa: S311 - chance, not secrecy
