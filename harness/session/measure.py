"""Measure the sessions of a run: arrange, start, prove, visit, count and record each of them."""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from harness.analysis.statistics.series import SessionData
from harness.errors import StackError, raise_if_any
from harness.experiment.plan import orders_of
from harness.experiment.transports import connection_counters
from harness.load.visits import Visitor, run_visits
from harness.model import Arm, Doubt, Plan, Record, Schedule, Visit, VisitRow
from harness.model.metrics import typical_time
from harness.model.record import HostFacts
from harness.observe.counters import CounterReader, ThrottlingCounts, watch_throttling
from harness.observe.doubts.context import context_of
from harness.observe.doubts.system import layout_doubts
from harness.observe.doubts.watch import start_watch
from harness.observe.hop_speech import fallback_problem, multipath_networks, watch_connections
from harness.observe.perf import PerfPass, Pids, count_bursts, perf_obstacle, unknown_counts
from harness.observe.profile import (
    DWARF,
    FRAME_POINTERS,
    UNKNOWN_PROFILE,
    ProfilePass,
    profile_bursts,
    profile_obstacle,
)
from harness.observe.wakeups import UNKNOWN_WAITING, WaitingPass, trace_bursts, waiting_obstacle
from harness.remote.link import Link
from harness.remote.messages import ServerDoubts
from harness.report.commands.progress import Progress
from harness.session.session import Arrangement, RunningSession, require_same_servers, start_session
from harness.session.targets import answer_doubts, check_first_answers, find_answer_changes, first_answers
from harness.session.time_budget import Clock
from harness.store.files import requests_table, stacks_table
from harness.store.store import Store
from harness.testbed.blueprint import Machine
from harness.testbed.processes.output import make_log_trimmer

CONNECTION_COUNTERS = ("active_opens", "passive_opens")
DECIMALS = 4  # of numbers per request: enough for a count of 1 in a long visit


@dataclass(slots=True)
class Run:
    """A run in progress: its plan, where it is measured and stored, and the sessions measured so far, by number."""

    plan: Plan
    store: Store
    machine: Machine
    host: HostFacts
    progress: Progress
    sessions: dict[int, SessionData] = field(default_factory=dict)
    clock: Clock | None = None  # with one, the run ends when its time is over
    changes: tuple[str, ...] = ()  # sentences on what has changed on this machine since the run began
    ending: ExitStack = field(default_factory=ExitStack)  # the servers of the last session, until they are gone
    link: Link | None = None  # to the machine with the servers, if they are not here

    def finished_sessions(self) -> list[SessionData]:
        """Return the sessions measured so far, in the order of their numbers."""
        return [self.sessions[number] for number in sorted(self.sessions)]


@dataclass(frozen=True, slots=True)
class SessionVisits:
    """The visits of a session, and what was watched meanwhile."""

    visits: Sequence[Visit]
    seconds: float
    throttled: ThrottlingCounts
    doubts: tuple[Doubt, ...]
    connections: Counter[str]  # by counter: those of transports with counters of their own


def run_session(session: int, run: Run, schedule: Schedule) -> float:
    """Measure and record a session; return its seconds without the visits and the perf pass."""
    run.store.follow()
    started_utc, began = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    arrangement = Arrangement(run.plan.experiment, run.store, run.machine, run.ending, run.link)
    with ExitStack() as exit_stack:
        running = start_session(session, arrangement, exit_stack)
        exit_stack.enter_context(require_same_servers(running.stacks))
        proofs = running.prove()
        check_first_answers(first_answers(run.plan, run.finished_sessions()), running.targets)
        visited = _visit_arms(session, run, schedule, running)
        raise_if_any(_fallback_problems(visited, running), StackError)
        changes = find_answer_changes(running.targets)
        counting_began = time.monotonic()
        counted = _count_system_calls(session, schedule, running, visited.visits)
        counting_s = time.monotonic() - counting_began
        profiled = _profile_functions(session, running, visited.visits)
        traced = _trace_wakeups(session, running, visited.visits)
    total_s = time.monotonic() - began
    record = Record(
        run_id=run.plan.run_id,
        session=session,
        started_utc=started_utc,
        seconds={"total": total_s, "visiting": visited.seconds, "other": total_s - visited.seconds},
        schedule=schedule,
        proofs=proofs,
        failures=_failures(visited.visits, changes),
        visits=visit_rows(visited.visits, running.counter_readers),
        counted=counted.visits,
        profile=profiled.profile,
        waiting=traced.waiting,
        unseen=(*running.unseen, *counted.unseen, *profiled.unseen, *traced.unseen),
        throttled=visited.throttled,
        doubts=(*visited.doubts, *layout_doubts(proofs), *answer_doubts(changes)),
    )
    requests = requests_table(visited.visits)
    stacks = None if profiled.stacks is None else stacks_table(profiled.stacks)
    run.sessions[session] = SessionData(run.store.write_session(record, requests, stacks), requests, stacks)
    return time.monotonic() - began - visited.seconds - counting_s


def _visit_arms(session: int, run: Run, schedule: Schedule, running: RunningSession) -> SessionVisits:
    context = context_of(running.stacks, run.plan.experiment, run.host, running.families)
    end_watch = start_watch(replace(context, changes=run.changes))
    end_throttling = watch_throttling(running.stacks)
    count_connections = watch_connections(multipath_networks(running.stacks))
    if running.link:
        running.link.watch()
    began = time.monotonic()
    trim_logs = make_log_trimmer([log.path for log in context.logs])
    visits = run_visits(running.group_orders(orders_of(run.plan, session)), running.visitors, schedule, trim_logs)
    visiting_s = time.monotonic() - began
    throttled, connections = end_throttling(), count_connections()
    requests = sum(visit.cpu_requests for visit in visits)
    remote = running.link.unwatch(requests) if running.link else ServerDoubts()
    doubts = (*end_watch(requests), *remote.doubts)
    connections.update(remote.connections)
    return SessionVisits(visits, visiting_s, throttled | remote.throttled, doubts, connections)


def _fallback_problems(visited: SessionVisits, running: RunningSession) -> Iterator[str]:
    """Yield a sentence for each arm whose connections did not use its transport in the visits with counters.

    Without any, yield one on the arms together if all visits have too few connections.
    """
    arms = [arm for arm in running.experiment.arms if connection_counters(arm.settings.transport)]
    readers = running.counter_readers
    problems = [fallback_problem([arm], *_counted_connections(arm, visited.visits, readers[arm.name])) for arm in arms]
    for transport in dict.fromkeys(arm.settings.transport for arm in arms):
        alike = [arm for arm in arms if arm.settings.transport == transport]
        sent = sum(_connecting_requests(visit) for arm in alike for visit in visited.visits if visit.arm == arm.name)
        if not any(problems):
            problems.append(fallback_problem(alike, sent, visited.connections))
    yield from filter(None, problems)


def _counted_connections(arm: Arm, visits: Sequence[Visit], reader: CounterReader) -> tuple[int, Counter[str]]:
    """Return the requests of the visits with counters, and their connections; none if this machine does not count."""
    requests, counts = 0, Counter[str]()
    for visit in visits:
        if visit.arm == arm.name and visit.snapshots:
            grown = reader.growth(*visit.snapshots)
            counts.update({name.removeprefix("net."): value for name, value in grown.items()})
            requests += _connecting_requests(visit)
    is_counted = counts.keys() >= set(connection_counters(arm.settings.transport))
    return requests if is_counted else 0, counts


def _connecting_requests(visit: Visit) -> int:
    """Return how many requests must have had a connection of the hop; none where too many were sent at once."""
    return 0 if visit.holds is False else visit.cpu_requests - sum(visit.failures.values())


def _count_system_calls(session: int, schedule: Schedule, running: RunningSession, visits: Sequence[Visit]) -> PerfPass:
    """Count a burst of each arm with perf in the first sessions, or return a sentence on why not."""
    if session > max(schedule.counted_sessions, 1) or running.link:
        return PerfPass()
    obstacle, counters = perf_obstacle(running.experiment), running.experiment.counters
    if not schedule.counted_sessions:
        obstacle = "the budget leaves no time for perf. Give a longer --budget."
    if obstacle is not None:
        return PerfPass(unseen=(f"{unknown_counts(counters)} {obstacle}",) if obstacle else ())
    pids = [(visitor, running.pids_of(visitor.arm)) for visitor in running.visitors]
    directory = running.scratch_directory / "perf"
    return count_bursts([pair for pair in pids if pair[1]], directory, _request_s(visits), counters)


def _profile_functions(session: int, running: RunningSession, visits: Sequence[Visit]) -> ProfilePass:
    """Profile the arms where the experiment asks for it, or return a sentence on why not."""
    design = running.experiment.design
    if not design.profile or running.link:
        return ProfilePass()
    if obstacle := profile_obstacle(running.experiment):
        return ProfilePass(unseen=(f"{UNKNOWN_PROFILE} {obstacle}",))
    directory = running.scratch_directory / "profile"
    seed = f"{design.seed}/{session}/profile"
    sampling = DWARF if design.profile == "dwarf" else FRAME_POINTERS
    return profile_bursts(_visitors_with_pids(running), directory, _request_s(visits), seed, sampling)


def _trace_wakeups(session: int, running: RunningSession, visits: Sequence[Visit]) -> WaitingPass:
    """Trace who wakes whom where the experiment asks for a profile, or return a sentence on why not."""
    design = running.experiment.design
    if not design.profile or running.link:
        return WaitingPass()
    if obstacle := waiting_obstacle(running.experiment):
        return WaitingPass(unseen=(f"{UNKNOWN_WAITING} {obstacle}",))
    directory = running.scratch_directory / "waiting"
    seed = f"{design.seed}/{session}/waiting"
    return trace_bursts(_visitors_with_pids(running), directory, _request_s(visits), seed)


def _visitors_with_pids(running: RunningSession) -> list[tuple[Visitor, Pids]]:
    """Return the visitors of the arms whose servers barehop started, each with the pids by role."""
    pids = ((visitor, running.pids_of(visitor.arm)) for visitor in running.visitors)
    return [(visitor, {"client": (os.getpid(),), **of_arm}) for visitor, of_arm in pids if of_arm]


def _request_s(visits: Sequence[Visit]) -> float:
    """Return the mean seconds of a request."""
    return sum(visit.wall_ns for visit in visits) / max(1, sum(visit.cpu_requests for visit in visits)) / 1e9


def _failures(visits: Iterable[Visit], answer_changes: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return the failed requests of each arm, by kind. A changed answer counts as a failed request."""
    failures: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for visit in visits:
        if visit.failures:
            failures[visit.arm].update(visit.failures)
    for arm, change in answer_changes.items():
        failures[arm][f"{change}, after the visits"] += 1
    return {arm: dict(kinds) for arm, kinds in failures.items()}


def visit_rows(visits: Iterable[Visit], counter_readers: Mapping[str, CounterReader]) -> tuple[VisitRow, ...]:
    """Return the rows of a record; `counter_readers` parse the counters of each arm."""
    return tuple(
        VisitRow(
            round=visit.round,
            order=visit.order,
            arm=visit.arm,
            requests=visit.requests,
            mean_us=visit.mean_us,
            typical_us=_typical_us(visit),
            percentiles_us=dict(visit.percentiles_us),
            cpu_us={role: _per_request(used / 1000, visit) for role, used in visit.cpu_ns.items()},
            wall_us=_per_request(visit.wall_ns / 1000, visit) if visit.wall_ns else None,
            counters=_request_counters(visit, counter_readers[visit.arm].growth(*visit.snapshots))
            if visit.snapshots
            else {},
            interval_us=visit.interval_us,
            late_us=visit.late_us,
            rate_per_s=visit.rate_per_s,
            holds=visit.holds,
        )
        for visit in visits
    )


def _typical_us(visit: Visit) -> float | None:
    """Return the typical time, from the scheduled send; None without single times."""
    late_ns = visit.late_ns or (0,) * len(visit.latency_ns)
    times_ns = [latency + late for latency, late in zip(visit.latency_ns, late_ns, strict=True)]
    return typical_time(times_ns) / 1000 if times_ns else None


def _request_counters(visit: Visit, grown: Mapping[str, int]) -> dict[str, float]:
    """Return the counters per request, times in us; and the hop's connections, which are those not of the client."""
    counters: dict[str, float] = {}
    for name, value in grown.items():
        is_ns = name.endswith("_ns")
        our_name = f"{name.removesuffix('_ns')}_us" if is_ns else name
        counters[our_name] = _per_request(value / 1000 if is_ns else value, visit)
    if visit.front_connections is not None:
        own = _per_request(visit.front_connections, visit)
        counters |= {
            f"hop.{kind}": counters[f"net.{kind}"] - own for kind in CONNECTION_COUNTERS if f"net.{kind}" in counters
        }
    return counters


def _per_request(value: float, visit: Visit) -> float:
    return round(value / max(1, visit.cpu_requests), DECIMALS)
