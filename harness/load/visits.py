"""Visits the arms in the order of the plan; while a burst runs, nothing else happens."""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from statistics import fmean
from typing import Any

from harness.errors import MachineError
from harness.lab.programs import find_program
from harness.load.client import Burst, client, quietly
from harness.load.outside import visit_outside
from harness.model import Arm, LoadTool, Outcome, Schedule, Settings, Snapshot, Target, Visit

WARM_UP_REQUESTS = 40
FEWEST_ROUNDS = 2
# After the last answer the servers still close connections; their CPU time belongs to the visit that caused it.
AFTERMATH_S = 0.0002

Orders = Sequence[Sequence[int]]
CpuReader = Callable[[], Mapping[str, int]]
Counters = tuple[Callable[[], Snapshot], Callable[[], Snapshot]]  # how they are read before a visit and after it
Send = Callable[[int, int], Burst | Outcome]


@dataclass(frozen=True, slots=True)
class Visitor:
    """How an arm is visited: `send(settle, timed)`, and the CPU time used for it so far, by role.

    `counters` are read before and after the visits of one of each two rounds, so that a run shows by itself whether
    reading them costs the requests anything; None: never.
    """

    arm: str
    send: Send
    cpu: CpuReader
    counters: Counters | None = None
    to_nginx: bool = True  # else the connections that the client opens are the hop


@contextmanager
def sender(arm: Arm, target: Target, tool: LoadTool | None, directory: Path) -> Iterator[Send]:
    """`send` for one arm: our client, or an outside tool, which leaves its files in `directory`."""
    with client(target) as burst:
        yield burst if tool is None else _tool_sender(tool, burst, arm.settings, target, directory / "tool" / arm.name)


def _tool_sender(
    tool: LoadTool, burst: Callable[[int, int], Burst], settings: Settings, target: Target, directory: Path
) -> Send:
    """Settling is done by our client; what is timed is one run of the tool, whatever the burst's length."""
    program = find_program(tool.program)
    if program is None:
        raise MachineError(f"There is no program {tool.program!r} any more. {tool.install}")
    runs = count(1)

    def send(settle: int, timed: int) -> Burst | Outcome:
        settled = burst(settle, 0)
        if not timed:
            return settled
        outcome = visit_outside(tool, program, target, settings, directory / f"{next(runs):04}")
        return replace(outcome, failures=Counter(settled.failures) + Counter(outcome.failures))

    return send


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
    counters = visitor.counters if is_counted(round_) else None
    counted_before = counters[0]() if counters else ()
    before = visitor.cpu()
    started_ns = time.monotonic_ns()
    seen = visitor.send(schedule.settle, schedule.burst)
    wall_ns = time.monotonic_ns() - started_ns
    time.sleep(AFTERMATH_S)
    after = visitor.cpu()
    return Visit(
        round=round_,
        order=place,
        arm=visitor.arm,
        cpu_ns={role: after[role] - before[role] for role in after},
        wall_ns=wall_ns,
        snapshots=(counted_before, counters[1]()) if counters else None,
        front_connections=_front_connections(visitor, seen),
        **(_of_outcome(seen, schedule) if isinstance(seen, Outcome) else _of_burst(seen, schedule)),
    )


def _front_connections(visitor: Visitor, seen: Burst | Outcome) -> int | None:
    if not visitor.to_nginx:
        return 0
    return seen.connections if isinstance(seen, Burst) else None


def is_counted(round_: int) -> bool:
    """One of each two rounds: the first of the first two, then at random, for a machine has rhythms of its own."""
    couple = round_ // 2
    return round_ % 2 == (random.Random(couple).getrandbits(1) if couple else 0)  # noqa: S311 - chance, not secrecy


def _of_burst(burst: Burst, schedule: Schedule) -> dict[str, Any]:
    return {
        "requests": len(burst.latency_ns),
        "mean_us": fmean(burst.latency_ns) / 1000 if burst.latency_ns else None,
        "failures": burst.failures,
        "positions": burst.positions,
        "start_ns": burst.start_ns,
        "latency_ns": burst.latency_ns,
        "cpu_requests": schedule.settle + schedule.burst,
    }


def _of_outcome(outcome: Outcome, schedule: Schedule) -> dict[str, Any]:
    return {
        "requests": outcome.requests,
        "mean_us": outcome.mean_us if outcome.requests else None,
        "failures": outcome.failures,
        "percentiles_us": outcome.percentiles_us,
        "cpu_requests": schedule.settle + max(outcome.sent, outcome.requests + sum(outcome.failures.values())),
    }
