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
from harness.lab.blueprint import Machine
from harness.load.visits import visits
from harness.model import Doubt, Plan, Record, Visit

Enough = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one session while its stacks were up."""

    proofs: dict[str, Proof]
    visits: list[Visit]
    visiting_s: float
    doubts: tuple[Doubt, ...]
    arranged: Arranged
    counted: Counted
    throttled: Counts


def measure(plan: Plan, store: Store, machine: Machine, enough: Enough, changes: tuple[str, ...] = ()) -> None:
    """Every session of the plan that the store does not have yet, until `enough`, told the number of each, says so.

    `changes` are sentences on what has changed on the machine since the run began.
    """
    done = set(store.sessions())
    for session in range(1, plan.schedule.sessions + 1):
        if session not in done:
            _one_session(session, plan, store, machine, changes)
        if enough(session):
            return


def _one_session(session: int, plan: Plan, store: Store, machine: Machine, changes: tuple[str, ...]) -> None:
    started_utc = datetime.now(UTC).isoformat(timespec="seconds")
    started = time.monotonic()
    measured = _measured(session, plan, store, machine, changes)
    total_s = time.monotonic() - started
    record = Record(
        session=session,
        started_utc=started_utc,
        seconds={"total": total_s, "visiting": measured.visiting_s, "other": total_s - measured.visiting_s},
        schedule=plan.schedule,
        proofs=measured.proofs,
        failures=failures_of(measured.visits),
        visits=visit_rows(measured.visits, measured.arranged.gauges),
        counted=measured.counted.visits,
        unseen=(*measured.arranged.unseen, *measured.counted.unseen),
        throttled=measured.throttled,
        doubts=measured.doubts,
    )
    store.write_session(record, requests_table(measured.visits))


def _measured(session: int, plan: Plan, store: Store, machine: Machine, changes: tuple[str, ...]) -> Measured:
    with ExitStack() as until_the_end:
        arranged = arrange(session, plan.experiment, store, machine, until_the_end)
        with the_same_servers(arranged.stacks):
            proofs = prove(arranged.stacks) | arranged.proofs_of_services
            scene = scene_of(arranged.stacks, plan.experiment, store.read_host(), arranged.families)
            doubts_after = watch(replace(scene, changes=changes))
            throttled_since = throttling_of(arranged.stacks)
            visiting = time.monotonic()
            seen = visits(arranged.in_blocks(plan.orders[session - 1]), arranged.visitors, plan.schedule)
            visiting_s = time.monotonic() - visiting
            throttled = throttled_since()
            doubts = doubts_after(sum(visit.cpu_requests for visit in seen))
            counted = counted_bursts(session, arranged)
        return Measured(proofs, seen, visiting_s, doubts, arranged, counted, throttled)
