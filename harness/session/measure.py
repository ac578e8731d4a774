"""Measure the sessions of a run: for each one start, prove, visit, count and record."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from harness.experiment.schedule import orders_of
from harness.load.visits import run_visits
from harness.model import Doubt, Plan, Record, Schedule, Visit
from harness.observe.counters import ThrottlingCounts, watch_throttling
from harness.observe.doubts.context import context_of
from harness.observe.doubts.watch import start_watch
from harness.observe.proof import ArmProof, prove
from harness.session.answers import (
    answer_doubts,
    check_answers,
    failures_with_changes,
    find_answer_changes,
    first_answers,
)
from harness.session.pace import Pace
from harness.session.perf_pass import PerfPass, run_perf_pass
from harness.session.session import RunningSession, require_same_servers, start_session
from harness.store.record import failures_of, requests_table, visit_rows
from harness.store.store import Store
from harness.testbed.blueprint import Machine
from harness.testbed.processes.output import make_log_trimmer

StopRule = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class RunContext:
    """The constants of a run; `changes` are sentences on what has changed on this machine since the run began."""

    plan: Plan
    store: Store
    machine: Machine
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionResult:
    """The results of one session."""

    proofs: dict[str, ArmProof]
    visits: list[Visit]
    visiting_s: float
    doubts: tuple[Doubt, ...]
    running: RunningSession
    counted: PerfPass
    counting_s: float
    throttled: ThrottlingCounts
    changes: dict[str, str]  # of answers, by arm


def measure_sessions(run: RunContext, enough: StopRule, pace: Pace) -> bool:
    """Measure the sessions of the plan that the store lacks, until `enough(session)` is true or time is over.

    Returns whether the run ended because time was over.
    """
    done = set(run.store.session_numbers())
    for session in range(1, run.plan.actual_schedule.sessions + 1):
        if session not in done:
            schedule = pace.next_session_schedule()
            if schedule is None:
                return True
            pace.add(_run_session(session, run, schedule))
        if enough(session):
            return False
    return False


def _run_session(session: int, run: RunContext, schedule: Schedule) -> float:
    """Measure and record a session; return its seconds without the visits and the perf pass."""
    run.store.follow()
    started_utc = datetime.now(UTC).isoformat(timespec="seconds")
    started = time.monotonic()
    measured = _measure_session(session, run, schedule)
    total_s = time.monotonic() - started
    record = Record(
        run_id=run.plan.run_id,
        session=session,
        started_utc=started_utc,
        seconds={"total": total_s, "visiting": measured.visiting_s, "other": total_s - measured.visiting_s},
        schedule=schedule,
        proofs=measured.proofs,
        failures=failures_with_changes(failures_of(measured.visits), measured.changes),
        visits=visit_rows(measured.visits, measured.running.gauges),
        counted=measured.counted.visits,
        unseen=(*measured.running.unseen, *measured.counted.unseen),
        throttled=measured.throttled,
        doubts=(*measured.doubts, *answer_doubts(measured.changes)),
    )
    run.store.write_session(record, requests_table(measured.visits))
    return time.monotonic() - started - measured.visiting_s - measured.counting_s


def _measure_session(session: int, run: RunContext, schedule: Schedule) -> SessionResult:
    plan, store = run.plan, run.store
    with ExitStack() as exit_stack:
        running = start_session(session, plan.experiment, store, run.machine, exit_stack)
        with require_same_servers(running.stacks):
            proofs = prove(running.stacks) | running.service_proofs
            context = context_of(running.stacks, plan.experiment, store.read_host(), running.families)
            doubts_after = start_watch(replace(context, changes=run.changes))
            check_answers(first_answers(plan, store), running)
            throttled_since = watch_throttling(running.stacks)
            visiting_began = time.monotonic()
            empty_logs = make_log_trimmer([log.path for log in context.logs])
            session_visits = run_visits(
                running.group_orders(orders_of(plan, session)), running.visitors, schedule, empty_logs
            )
            visiting_s = time.monotonic() - visiting_began
            throttled = throttled_since()
            doubts = doubts_after(sum(visit.cpu_requests for visit in session_visits))
            changes = find_answer_changes(running)
            counting_began = time.monotonic()
            counted = run_perf_pass(session, schedule, running, _mean_request_s(session_visits))
            counting_s = time.monotonic() - counting_began
        return SessionResult(
            proofs, session_visits, visiting_s, doubts, running, counted, counting_s, throttled, changes
        )


def _mean_request_s(visits: list[Visit]) -> float:
    """Return the mean seconds of a request, roughly."""
    return sum(visit.wall_ns for visit in visits) / max(1, sum(visit.cpu_requests for visit in visits)) / 1e9
