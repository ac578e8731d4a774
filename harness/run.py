"""The spine: for each session arrange, start, prove, measure, record."""

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
    """What is the same for all sessions; `changes` are sentences on what has changed here since the run began."""

    plan: Plan
    store: Store
    machine: Machine
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one session while its stacks were up."""

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
    """Every session of the plan that the store does not have yet, until `enough`, told the number of each, says so.

    Returns whether it was time that ended the run.
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
    """Returns what it took beside its visits and those that perf counted."""
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
    with ExitStack() as until_the_end:
        arranged = arrange(session, plan.experiment, store, run.machine, until_the_end)
        with the_same_servers(arranged.stacks):
            proofs = prove(arranged.stacks) | arranged.proofs_of_services
            scene = scene_of(arranged.stacks, plan.experiment, store.read_host(), arranged.families)
            doubts_after = watch(replace(scene, changes=run.changes))
            check_answers(first_answers(plan, store), arranged)
            throttled_since = throttling_of(arranged.stacks)
            visiting = time.monotonic()
            empty = emptier([log.path for log in scene.logs])
            seen = visits(arranged.in_blocks(orders_of(plan, session)), arranged.visitors, schedule, empty)
            visiting_s = time.monotonic() - visiting
            throttled = throttled_since()
            doubts = doubts_after(sum(visit.cpu_requests for visit in seen))
            changes = changes_after(arranged)
            counting = time.monotonic()
            counted = counted_bursts(session, schedule, arranged, _request_s(seen))
            counting_s = time.monotonic() - counting
        return Measured(proofs, seen, visiting_s, doubts, arranged, counted, counting_s, throttled, changes)


def _request_s(visits: list[Visit]) -> float:
    """What a request took, about."""
    return sum(visit.wall_ns for visit in visits) / max(1, sum(visit.cpu_requests for visit in visits)) / 1e9
