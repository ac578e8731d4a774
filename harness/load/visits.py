"""Visits the arms in the order of the plan, each with its client or tool; in a burst barehop does nothing else."""

import math
import random
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from pathlib import Path
from statistics import fmean

from harness.errors import LoadError, MachineError
from harness.load.burst import Burst
from harness.load.client import gc_disabled, open_client
from harness.load.connections import ConnectionPool, open_pool
from harness.load.loops import (
    CapacitySearch,
    SearchStep,
    closed_loop_burst,
    open_loop_burst,
    open_loop_lengths,
    percentiles_us,
    poisson_arrivals_ns,
)
from harness.model import Arm, CounterSnapshot, LoadTool, Schedule, Settings, Target, ToolResult, Visit
from harness.model.http import is_changed_answer
from harness.testbed.processes.output import read_log_end
from harness.testbed.processes.process import run_program
from harness.testbed.servers.programs import find_program

WARM_UP_REQUESTS = 40
WARM_UP_PIECE = 5
WARM_UP_S = 0.5
DRAW_AHEAD_FACTOR = 2  # orders drawn ahead / expected rounds
MAX_DRAWN_AHEAD = 20_000
# After the last answer the servers still close connections; this CPU time belongs to the same visit.
AFTERMATH_S = 0.0002
MAX_START_S = 30.0  # of a tool
SLOWEST_REQUEST_S = 0.1

RequestsResult = Burst | ToolResult | SearchStep
# Sends `settle` untimed and then `timed` requests in a round; if `timed` is 0, one after the other.
Send = Callable[[int, int, int], RequestsResult]
RoundOrders = Iterable[Sequence[int]]
CpuReader = Callable[[], Mapping[str, int]]
Counters = tuple[Callable[[], CounterSnapshot], Callable[[], CounterSnapshot]]  # read before a visit, and after it


@dataclass(frozen=True, slots=True)
class Visitor:
    """The functions that visit an arm: `send(settle, timed, round)`, and `cpu()`, the CPU time so far by role.

    `cpu_after` reads the CPU time after a visit, if that is another function. `before_visit` is called before a visit,
    for example to move the client to its CPUs. `counters` are read before and after the visits of every second round,
    so that a run shows whether reading them slows requests; None: never.
    """

    arm: str
    send: Send
    cpu: CpuReader
    counters: Counters | None = None
    before_visit: Callable[[], None] | None = None
    to_nginx: bool = True  # False: the client's connections are the hop
    cpu_after: CpuReader | None = None


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
    counters = visitor.counters if reads_counters(round_) else None
    counters_before = counters[0]() if counters else ()
    before = visitor.cpu()
    started_ns = time.monotonic_ns()
    result = visitor.send(schedule.settle, schedule.burst, round_)
    wall_ns = time.monotonic_ns() - started_ns
    time.sleep(AFTERMATH_S)
    after = (visitor.cpu_after or visitor.cpu)()
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


def reads_counters(round_: int) -> bool:
    """Return whether counters are read in this round: in round 0, then in a random one of every two rounds."""
    couple = round_ // 2
    return round_ % 2 == (random.Random(couple).getrandbits(1) if couple else 0)  # noqa: S311 - chance, not secrecy


def run_tool(  # noqa: PLR0913 - a tool, its input, and when
    tool: LoadTool,
    program: str,
    target: Target,
    settings: Settings,
    directory: Path,
    just_before: Callable[[], object] = lambda: None,
) -> ToolResult:
    """Run `tool` once; its files go to `directory`, which is emptied before. Raises LoadError if it fails.

    `just_before` is called as late as possible before it starts.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    for path in filter(Path.is_file, directory.iterdir()):  # some tools append to files, some may end without writing
        path.unlink()
    for name, text in tool.files(target, settings).items():
        (directory / name).write_text(text, encoding="utf-8")
    argv = tool.command(program, target, settings, directory)
    # Only a hanging tool exceeds this limit.
    limit_s = MAX_START_S + (2 * settings.tool_seconds or SLOWEST_REQUEST_S * settings.tool_requests)
    exit_code = run_program(argv, directory, limit_s + target.timeout_s, just_before)
    if exit_code:
        message = _last_line(directory / "stderr.txt")
        raise LoadError(f"{program} ended with exit code {exit_code}: {message}. {_advice(argv, directory)}")
    try:
        outcome = tool.read_result(directory)
    except ValueError as error:
        raise LoadError(f"The output of {program} cannot be read: {error} {_advice(argv, directory)}") from error
    made = outcome.requests + sum(outcome.failures.values())
    if made < settings.tool_requests and not (tool.picks_request_count or settings.tool_seconds):
        raise LoadError(
            f"{program} made only {made} of {settings.tool_requests} requests. See its output in {directory}."
        )
    return outcome


def _last_line(path: Path) -> str:
    lines = read_log_end(path).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")


def _advice(argv: list[str], directory: Path) -> str:
    return f"Its output is in {directory}; to reproduce it while the servers run: {shlex.join(argv)}"


@contextmanager
def open_sender(arm: Arm, target: Target, tool: LoadTool | None, directory: Path, seed: str) -> Iterator[Send]:
    """Yield the function that sends the requests of an arm; `seed` and the round determine the times of an open loop.

    A tool writes its files to `directory`.
    """
    with open_client(target) as burst, open_pool(target) as pool:

        def send(settle: int, timed: int, round_: int) -> RequestsResult:
            return send_timed(settle, timed, round_) if send_timed and timed else burst(settle, timed)

        send_timed: Send | None = None  # else one request after the other
        if tool:
            send_timed = _tool_sender(tool, burst, arm.settings, target, directory)
        elif not arm.settings.is_sequential:
            send_timed = _pool_sender(pool, arm.settings, seed)
        yield send


def _pool_sender(pool: ConnectionPool, settings: Settings, seed: str) -> Send:
    search = CapacitySearch(pool, settings.p99_limit_ms)

    def search_capacity(_settle: int, _timed: int, round_: int) -> RequestsResult:
        return search.run_step(f"{seed}/{round_}")

    def send_closed_loop(settle: int, timed: int, _round: int) -> RequestsResult:
        return closed_loop_burst(pool, settings.connections, settle, timed)

    def send_open_loop(settle: int, timed: int, round_: int) -> RequestsResult:
        rate_per_s = float(settings.rate)
        settle, timed = open_loop_lengths(rate_per_s, settle, timed)
        return open_loop_burst(pool, poisson_arrivals_ns(rate_per_s, settle + timed, f"{seed}/{round_}"), settle)

    return search_capacity if settings.p99_limit_ms else send_open_loop if settings.rate else send_closed_loop


def _tool_sender(
    tool: LoadTool, burst: Callable[[int, int], Burst], settings: Settings, target: Target, directory: Path
) -> Send:
    """Return a function that sends warm-up requests, then runs the tool once; it ignores the length of a burst."""
    program = find_program(tool.program)
    if program is None:
        raise MachineError(f"There is no program {tool.program!r} any more. {tool.install}")
    runs = count(1)

    def run(settle: int, _timed: int, _round: int) -> RequestsResult:
        failures: Counter[str] = Counter()

        def settle_first() -> None:
            failures.update(burst(settle, 0).failures)

        outcome = run_tool(tool, program, target, settings, directory / f"{next(runs):04}", settle_first)
        return replace(outcome, failures=failures + Counter(outcome.failures))

    return run
