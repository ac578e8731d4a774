"""The spine: for each session arrange, start, prove, measure, record."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.counted import Counted, counted_bursts
from harness.errors import LoadError
from harness.evidence.counters.gauge import gauge, unseen_by
from harness.evidence.cpu_time import cpu_reader
from harness.evidence.doubts.scene import scene_of
from harness.evidence.doubts.watch import watch
from harness.evidence.proof import Proof, prove
from harness.evidence.record import failures_of, requests_table, visit_rows
from harness.evidence.store import Store
from harness.lab.blueprint import Machine, blueprints_of
from harness.lab.pinning import pinned
from harness.lab.routes import BEHIND_NGINX
from harness.lab.stack import Stack, running_stacks
from harness.load.ask import ask
from harness.load.visits import Visitor, sender, visits, warm_up
from harness.model import Arm, Doubt, Experiment, Plan, Record, Visit, VisitRow
from harness.preflight import outside_tool

Enough = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one session while its stacks were up."""

    proofs: dict[str, Proof]
    rows: tuple[VisitRow, ...]
    visits: list[Visit]
    visiting_s: float
    doubts: tuple[Doubt, ...]
    counted: Counted
    unseen: tuple[str, ...]


def measure(plan: Plan, store: Store, machine: Machine, enough: Enough) -> None:
    """Every session of the plan that the store does not have yet, until `enough`, told the number of each, says so."""
    done = set(store.sessions())
    for session in range(1, plan.schedule.sessions + 1):
        if session not in done:
            _one_session(session, plan, store, machine)
        if enough(session):
            return


def _one_session(session: int, plan: Plan, store: Store, machine: Machine) -> None:
    started_utc = datetime.now(UTC).isoformat(timespec="seconds")
    started = time.monotonic()
    measured = _measured(session, plan, store, machine)
    total_s = time.monotonic() - started
    record = Record(
        session=session,
        started_utc=started_utc,
        seconds={"total": total_s, "visiting": measured.visiting_s, "other": total_s - measured.visiting_s},
        schedule=plan.schedule,
        proofs=measured.proofs,
        failures=failures_of(measured.visits),
        visits=measured.rows,
        counted=measured.counted.visits,
        unseen=(*measured.unseen, *measured.counted.unseen),
        doubts=measured.doubts,
    )
    store.write_session(record, requests_table(measured.visits))


def _measured(session: int, plan: Plan, store: Store, machine: Machine) -> Measured:
    with ExitStack() as until_the_end:
        stacks, visitors = arranged(session, plan.experiment, store, machine, until_the_end)
        gauges = {one.arm: until_the_end.enter_context(gauge(_watched(one.arm, stacks))) for one in visitors}
        visitors = [replace(one, counters=gauges[one.arm].read) for one in visitors]
        with the_same_servers(stacks):
            proofs = prove(stacks)
            doubts_after = watch(scene_of(stacks, plan.experiment, store.read_host()))
            visiting = time.monotonic()
            seen = visits(plan.orders[session - 1], visitors, plan.schedule)
            visiting_s = time.monotonic() - visiting
            doubts = doubts_after(sum(visit.cpu_requests for visit in seen))
            counted = counted_bursts(session, stacks, visitors, store.stack_directory(session))
        return Measured(proofs, visit_rows(seen, gauges), seen, visiting_s, doubts, counted, unseen_by(gauges))


def arranged(
    session: int, experiment: Experiment, store: Store, machine: Machine, until_the_end: ExitStack
) -> tuple[list[Stack], list[Visitor]]:
    """The session's stacks, up and warm, and a visitor for each arm, in the order of the arms."""
    directory = store.stack_directory(session)
    stacks = until_the_end.enter_context(running_stacks(blueprints_of(experiment, directory, machine), ask))
    until_the_end.enter_context(pinned(stacks[0].blueprint.placement.cpus["client"]))
    visitors = [_visitor(arm, stacks, directory, until_the_end) for arm in experiment.arms]
    warm_up(visitors)
    return stacks, visitors


def _visitor(arm: Arm, stacks: Sequence[Stack], directory: Path, until_the_end: ExitStack) -> Visitor:
    stack = _stack_of(arm.name, stacks)
    tool = outside_tool(arm.settings)
    target = stack.blueprint.targets[arm.name]
    send = until_the_end.enter_context(sender(arm, target, tool, directory))
    cpu = cpu_reader(stack.pids_of(arm.name))
    return Visitor(arm=arm.name, send=send, cpu=cpu, to_nginx=arm.settings.chain in BEHIND_NGINX)


def _stack_of(arm: str, stacks: Sequence[Stack]) -> Stack:
    return next(stack for stack in stacks if arm in stack.blueprint.targets)


def _watched(arm: str, stacks: Sequence[Stack]) -> dict[str, Sequence[int]]:
    """The processes whose counters are read: those that serve the arm, and the client."""
    return {**_stack_of(arm, stacks).pids_of(arm), "client": (os.getpid(),)}


@contextmanager
def the_same_servers(stacks: Iterable[Stack]) -> Iterator[None]:
    """The server processes are the same at the end as at the beginning; StackError otherwise.

    One that ends shows as an OSError first, where its CPU time is read, or as a load tool that fails.
    """
    try:
        yield
    except (OSError, LoadError):
        _check(stacks)
        raise
    _check(stacks)


def _check(stacks: Iterable[Stack]) -> None:
    for stack in stacks:
        stack.check()
