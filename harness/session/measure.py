"""Measure the sessions of a run: arrange, start, prove, visit, count and record each of them."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from harness.analysis.statistics.series import SessionData
from harness.experiment.schedule import orders_of
from harness.load.visits import run_visits
from harness.model import Doubt, Plan, Record, Schedule, Visit
from harness.model.record import ArmProof, HostFacts
from harness.observe.counters import ThrottlingCounts, watch_throttling
from harness.observe.doubts.context import context_of
from harness.observe.doubts.watch import start_watch
from harness.observe.proof import prove
from harness.session.answers import (
    answer_doubts,
    check_answers,
    failures_with_changes,
    find_answer_changes,
    first_answers,
)
from harness.session.pace import Clock
from harness.session.perf_pass import PerfPass, run_perf_pass
from harness.session.session import RunningSession, require_same_servers, start_session
from harness.store.record import failures_of, requests_table, visit_rows
from harness.store.store import Store
from harness.testbed.blueprint import Machine
from harness.testbed.processes.output import make_log_trimmer


@dataclass(slots=True)
class Run:
    """A run in progress: its plan, where it is measured and stored, and the sessions measured so far, by number.

    With a `clock` the run ends when its time is over. `changes` are sentences on what has changed on this machine since
    the run began.
    """

    plan: Plan
    store: Store
    machine: Machine
    host: HostFacts
    sessions: dict[int, SessionData] = field(default_factory=dict)
    clock: Clock | None = None
    changes: tuple[str, ...] = ()
    quiet: bool = False

    def finished_sessions(self) -> list[SessionData]:
        """Return the sessions measured so far, in the order of their numbers."""
        return [self.sessions[number] for number in sorted(self.sessions)]


@dataclass(frozen=True, slots=True)
class SessionResult:
    """The results of one session."""

    proofs: Mapping[str, ArmProof]
    visits: Sequence[Visit]
    visiting_s: float
    doubts: tuple[Doubt, ...]
    running: RunningSession
    counted: PerfPass
    counting_s: float
    throttled: ThrottlingCounts
    answer_changes: Mapping[str, str]  # by arm


def run_session(session: int, run: Run, schedule: Schedule) -> float:
    """Measure and record a session; return its seconds without the visits and the perf pass."""
    run.store.follow()
    started_utc = datetime.now(UTC).isoformat(timespec="seconds")
    began = time.monotonic()
    result = _measure_session(session, run, schedule)
    total_s = time.monotonic() - began
    record = Record(
        run_id=run.plan.run_id,
        session=session,
        started_utc=started_utc,
        seconds={"total": total_s, "visiting": result.visiting_s, "other": total_s - result.visiting_s},
        schedule=schedule,
        proofs=dict(result.proofs),
        failures=failures_with_changes(failures_of(result.visits), result.answer_changes),
        visits=visit_rows(result.visits, result.running.gauges),
        counted=result.counted.visits,
        unseen=(*result.running.unseen, *result.counted.unseen),
        throttled=result.throttled,
        doubts=(*result.doubts, *answer_doubts(result.answer_changes)),
    )
    requests = requests_table(result.visits)
    run.sessions[session] = SessionData(run.store.write_session(record, requests), requests)
    return time.monotonic() - began - result.visiting_s - result.counting_s


def _measure_session(session: int, run: Run, schedule: Schedule) -> SessionResult:
    plan = run.plan
    with ExitStack() as exit_stack:
        running = start_session(session, plan.experiment, run.store, run.machine, exit_stack)
        exit_stack.enter_context(require_same_servers(running.stacks))
        proofs = prove(running.stacks) | running.service_proofs
        check_answers(first_answers(plan, run.finished_sessions()), running)
        context = context_of(running.stacks, plan.experiment, run.host, running.families)
        end_watch = start_watch(replace(context, changes=run.changes))
        end_throttling = watch_throttling(running.stacks)
        visiting_began = time.monotonic()
        trim_logs = make_log_trimmer([log.path for log in context.logs])
        visits = run_visits(running.group_orders(orders_of(plan, session)), running.visitors, schedule, trim_logs)
        visiting_s = time.monotonic() - visiting_began
        throttled = end_throttling()
        doubts = end_watch(sum(visit.cpu_requests for visit in visits))
        changes = find_answer_changes(running)
        counting_began = time.monotonic()
        counted = run_perf_pass(session, schedule, running, _mean_request_s(visits))
        counting_s = time.monotonic() - counting_began
    return SessionResult(proofs, visits, visiting_s, doubts, running, counted, counting_s, throttled, changes)


def _mean_request_s(visits: Sequence[Visit]) -> float:
    """Return the mean seconds of a request, roughly."""
    return sum(visit.wall_ns for visit in visits) / max(1, sum(visit.cpu_requests for visit in visits)) / 1e9
