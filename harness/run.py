"""The spine: for each session arrange, start, prove, measure, record."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import plugins
from harness.errors import LoadError, MachineError, raise_all
from harness.evidence.cpu_time import cpu_reader
from harness.evidence.doubts.scene import scene_of
from harness.evidence.doubts.watch import watch
from harness.evidence.host import host_facts
from harness.evidence.proof import Proof, prove
from harness.evidence.record import failures_of, requests_table, visit_rows
from harness.evidence.store import Store
from harness.experiment.limits import CLIENT
from harness.experiment.plan import session_orders
from harness.experiment.schedule import Cost, schedule_of, visit_lengths
from harness.experiment.sharing import stacks_of
from harness.lab.blueprint import Machine, blueprints_of, stack_problems
from harness.lab.pinning import pinned
from harness.lab.programs import find_program, find_python
from harness.lab.stack import Stack, running_stacks
from harness.load.ask import ask
from harness.load.visits import Visitor, round_cost_s, sender, visits, warm_up
from harness.model import Arm, Doubt, Experiment, LoadTool, Plan, Record, Schedule, Visit

REHEARSAL_S = 0.3

After = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one session while its stacks were up."""

    proofs: dict[str, Proof]
    visits: list[Visit]
    visiting_s: float
    doubts: tuple[Doubt, ...]


def machine_problems(experiment: Experiment, machine: Machine) -> Iterator[str]:
    """Everything that this machine lacks for `experiment`; nothing is started."""
    for arms in stacks_of(experiment):
        yield from stack_problems(arms, machine)
    for name in sorted({arm.settings.tool for arm in experiment.arms} - {CLIENT}):
        tool = load_tool(name)
        if find_program(tool.program) is None:
            yield f"There is no program {tool.program!r}, which tool = {name!r} runs. {tool.install}"


def load_tool(name: str) -> LoadTool:
    tool = plugins.load("harness.load.tools", name)
    assert isinstance(tool, LoadTool)
    return tool


def run_facts(experiment: Experiment) -> dict[str, Any]:
    """host.json: the machine, and the versions of every program that takes part."""
    settings = [arm.settings for arm in experiment.arms]
    names = {each.nginx for each in settings} | {
        load_tool(each.tool).program for each in settings if each.tool != CLIENT
    }
    programs = {Path(name).name: find_program(name) or name for name in sorted(names)}
    pythons = {each.python: find_python(each.python, each.worker_class) for each in settings if each.python}
    return host_facts(programs | pythons)


def check_machine(experiment: Experiment, machine: Machine) -> None:
    """Raises MachineError with every problem."""
    raise_all(dict.fromkeys(machine_problems(experiment, machine)), MachineError)


def measure(plan: Plan, store: Store, machine: Machine, after: After) -> None:
    """Every session of the plan that the store does not have yet; `after` is told the number of each."""
    done = set(store.sessions())
    for session in range(1, plan.schedule.sessions + 1):
        if session not in done:
            _one_session(session, plan, store, machine)
            after(session)


def rehearse(experiment: Experiment, store: Store, machine: Machine) -> Schedule:
    """A short session that is not recorded, and the schedule that follows from what it cost."""
    settle, burst = visit_lengths(experiment)
    trial = Schedule(sessions=1, rounds=1, burst=burst, settle=settle, reason="rehearsal")
    order = session_orders(experiment, session=0, rounds=1)[0]
    started = time.monotonic()
    with ExitStack() as until_the_end:
        stacks, visitors = _arranged(0, experiment, store, machine, until_the_end)
        visiting = time.monotonic()
        with _the_same_servers(stacks):
            round_s = round_cost_s(order, visitors, trial, REHEARSAL_S)
        visited = time.monotonic()
    session_s = visiting - started + time.monotonic() - visited
    return schedule_of(experiment, Cost(session_s=session_s, round_s=round_s, source="as rehearsed"))


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
        visits=visit_rows(measured.visits),
        doubts=measured.doubts,
    )
    store.write_session(record, requests_table(measured.visits))


def _measured(session: int, plan: Plan, store: Store, machine: Machine) -> Measured:
    with ExitStack() as until_the_end:
        stacks, visitors = _arranged(session, plan.experiment, store, machine, until_the_end)
        with _the_same_servers(stacks):
            proofs = prove(stacks)
            doubts_after = watch(scene_of(stacks, plan.experiment, store.read_host()))
            visiting = time.monotonic()
            seen = visits(plan.orders[session - 1], visitors, plan.schedule)
            visiting_s = time.monotonic() - visiting
            doubts = doubts_after(sum(visit.cpu_requests for visit in seen))
        return Measured(proofs=proofs, visits=seen, visiting_s=visiting_s, doubts=doubts)


def _arranged(
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
    stack = next(stack for stack in stacks if arm in stack.blueprint.arms)
    tool = None if arm.settings.tool == CLIENT else load_tool(arm.settings.tool)
    target = stack.blueprint.targets[arm.name]
    send = until_the_end.enter_context(sender(arm, target, tool, directory))
    return Visitor(arm=arm.name, send=send, cpu=cpu_reader(stack.pids))


@contextmanager
def _the_same_servers(stacks: Iterable[Stack]) -> Iterator[None]:
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
