"""Measure the sessions of a run: for each one start, prove, visit, count and record."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from harness.arrange import Arranged, arrange, the_same_servers
from harness.counted import Counted, counted_bursts
from harness.evidence.doubts.scene import scene_of
from harness.evidence.doubts.watch import watch
from harness.evidence.proof import Proof, prove
from harness.evidence.record import failures_of, requests_table, visit_rows
from harness.evidence.store import Store
from harness.evidence.throttling import Counts, throttling_of
from harness.experiment.plan import orders_of
from harness.held_answers import change_doubts, changes_after, check_answers, first_answers, with_changes
from harness.lab.blueprint import Machine
from harness.lab.logs import emptier
from harness.load.visits import visits
from harness.model import Doubt, Plan, Record, Schedule, Visit
from harness.pace import Pace

Enough = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Run:
    """The constants of a run; `changes` are sentences on what has changed on this machine since the run began."""

    plan: Plan
    store: Store
    machine: Machine
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of one session."""

    proofs: dict[str, Proof]
    visits: list[Visit]
    visiting_s: float
    doubts: tuple[Doubt, ...]
    arranged: Arranged
    counted: Counted
    counting_s: float
    throttled: Counts
    changes: dict[str, str]  # of answers, by arm


def measure(run: Run, enough: Enough, pace: Pace) -> bool:
    """Measure the sessions of the plan that the store lacks, until `enough(session)` is true or time is over.

    Returns whether the run ended because time was over.
    """
    done = set(run.store.sessions())
    for session in range(1, run.plan.ended_schedule.sessions + 1):
        if session not in done:
            schedule = pace.next()
            if schedule is None:
                return True
            pace.add(_one_session(session, run, schedule))
        if enough(session):
            return False
    return False


def _one_session(session: int, run: Run, schedule: Schedule) -> float:
    """Measure and record a session; return its seconds without the visits and the perf pass."""
    run.store.secure()
    started_utc = datetime.now(UTC).isoformat(timespec="seconds")
    started = time.monotonic()
    measured = _measured(session, run, schedule)
    total_s = time.monotonic() - started
    record = Record(
        run_id=run.plan.run_id,
        session=session,
        started_utc=started_utc,
        seconds={"total": total_s, "visiting": measured.visiting_s, "other": total_s - measured.visiting_s},
        schedule=schedule,
        proofs=measured.proofs,
        failures=with_changes(failures_of(measured.visits), measured.changes),
        visits=visit_rows(measured.visits, measured.arranged.gauges),
        counted=measured.counted.visits,
        unseen=(*measured.arranged.unseen, *measured.counted.unseen),
        throttled=measured.throttled,
        doubts=(*measured.doubts, *change_doubts(measured.changes)),
    )
    run.store.write_session(record, requests_table(measured.visits))
    return time.monotonic() - started - measured.visiting_s - measured.counting_s


def _measured(session: int, run: Run, schedule: Schedule) -> Measured:
    plan, store = run.plan, run.store
    with ExitStack() as exit_stack:
        running = arrange(session, plan.experiment, store, run.machine, exit_stack)
        with the_same_servers(running.stacks):
            proofs = prove(running.stacks) | running.proofs_of_services
            scene = scene_of(running.stacks, plan.experiment, store.read_host(), running.families)
            doubts_after = watch(replace(scene, changes=run.changes))
            check_answers(first_answers(plan, store), running)
            throttled_since = throttling_of(running.stacks)
            visiting_began = time.monotonic()
            empty_logs = emptier([log.path for log in scene.logs])
            session_visits = visits(running.in_blocks(orders_of(plan, session)), running.visitors, schedule, empty_logs)
            visiting_s = time.monotonic() - visiting_began
            throttled = throttled_since()
            doubts = doubts_after(sum(visit.cpu_requests for visit in session_visits))
            changes = changes_after(running)
            counting_began = time.monotonic()
            counted = counted_bursts(session, schedule, running, _request_s(session_visits))
            counting_s = time.monotonic() - counting_began
        return Measured(proofs, session_visits, visiting_s, doubts, running, counted, counting_s, throttled, changes)


def _request_s(visits: list[Visit]) -> float:
    """Return the mean seconds of a request, roughly."""
    return sum(visit.wall_ns for visit in visits) / max(1, sum(visit.cpu_requests for visit in visits)) / 1e9
