"""Arranges a session: its stacks, up and warm, and for each arm how it is visited and what is counted of it."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.errors import LoadError
from harness.evidence.counters.gauge import Gauge, gauge, unseen_by
from harness.evidence.cpu_time import cpu_reader
from harness.evidence.store import Store
from harness.experiment.limits import CLIENT
from harness.lab.blueprint import Machine, blueprints_of
from harness.lab.descriptors import many_descriptors
from harness.lab.kernel.global_values import Switch, global_values, in_blocks
from harness.lab.pinning import move_to, pinned
from harness.lab.routes import BEHIND_NGINX
from harness.lab.stack import Stack, running_stacks
from harness.load.ask import ask
from harness.load.senders import sender
from harness.load.visits import Visitor, warm_up
from harness.model import Arm, Experiment
from harness.preflight import outside_tool

OF_A_TOOL = (
    "Where an outside tool is the client, its waiting and switches are not known, nor which of the TCP connections are "
    "the hop's."
)


@dataclass(frozen=True, slots=True)
class Arranged:
    """What is there while a session lasts; visitors are in the order of the arms, gauges by arm."""

    stacks: Sequence[Stack]
    visitors: Sequence[Visitor]
    gauges: Mapping[str, Gauge]
    by_tools: bool  # whether an outside tool is the client of any arm

    @property
    def scratch(self) -> Path:
        """A directory that goes with the session."""
        return self.stacks[0].blueprint.private[0]

    @property
    def unseen(self) -> tuple[str, ...]:
        """Sentences on what is not counted."""
        blind = (OF_A_TOOL,) if self.by_tools else ()
        return (*unseen_by(self.gauges), *blind)

    def in_blocks(self, orders: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
        """Rounds in which arms with equal values of the whole machine follow each other: switching takes time."""
        kernels = [stack_of(visitor.arm, self.stacks).blueprint.kernel for visitor in self.visitors]
        return [in_blocks(order, kernels) for order in orders]

    def pids_of(self, arm: str) -> Mapping[str, Sequence[int]]:
        """The processes that serve `arm`, by role."""
        return stack_of(arm, self.stacks).pids_of(arm)


def arrange(session: int, experiment: Experiment, store: Store, machine: Machine, until_the_end: ExitStack) -> Arranged:
    """Raises HarnessError where a stack does not come up."""
    directory = store.stack_directory(session)
    until_the_end.enter_context(many_descriptors())
    blueprints = blueprints_of(experiment, directory, machine)
    switch = until_the_end.enter_context(global_values([blueprint.kernel for blueprint in blueprints]))
    stacks = until_the_end.enter_context(running_stacks(blueprints, ask, switch))
    until_the_end.enter_context(pinned(stacks[0].blueprint.placement.cpus["client"]))
    seed = f"{experiment.design.seed}/{session}"
    visitors = [_visitor(arm, stacks, directory, seed, until_the_end, switch) for arm in experiment.arms]
    warm_up(visitors)
    gauges = _gauges(experiment, stacks, until_the_end)  # now that every thread has been started
    counting = [replace(one, counters=(gauges[one.arm].before, gauges[one.arm].after)) for one in visitors]
    return Arranged(stacks, counting, gauges, any(arm.settings.tool != CLIENT for arm in experiment.arms))


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


def stack_of(arm: str, stacks: Sequence[Stack]) -> Stack:
    return next(stack for stack in stacks if arm in stack.blueprint.targets)


def _visitor(  # noqa: PLR0913 - everything that a visit depends on
    arm: Arm, stacks: Sequence[Stack], directory: Path, seed: str, until_the_end: ExitStack, switch: Switch
) -> Visitor:
    stack = stack_of(arm.name, stacks)
    target = stack.blueprint.targets[arm.name]
    with stack.inside():
        sending = sender(arm, target, outside_tool(arm.settings), directory, seed)
        send = until_the_end.enter_context(sending)
    return Visitor(
        arm=arm.name,
        send=switch.under(stack.blueprint.kernel, stack.network.client.inside(send)),
        cpu=cpu_reader(stack.pids_of(arm.name)),
        approach=_approach(stack, stacks),
        to_nginx=arm.settings.chain in BEHIND_NGINX,
    )


def _approach(stack: Stack, stacks: Sequence[Stack]) -> Callable[[], None] | None:
    """Moving the client to its CPUs, where it does not have the same for all arms."""
    places = {one.blueprint.placement.cpus["client"] for one in stacks}
    return partial(move_to, stack.blueprint.placement.cpus["client"]) if len(places) > 1 else None


def _gauges(experiment: Experiment, stacks: Sequence[Stack], until_the_end: ExitStack) -> dict[str, Gauge]:
    """One for each set of processes: arms that share them share it."""
    watched = {arm.name: _watched(arm, stacks) for arm in experiment.arms}
    opened = {repr(pids): pids for pids in watched.values()}
    networks = {repr(watched[arm.name]): stack_of(arm.name, stacks).network for arm in experiment.arms}
    gauges = {
        key: until_the_end.enter_context(gauge(pids, networks=networks[key].every if networks[key].places else ()))
        for key, pids in opened.items()
    }
    return {arm: gauges[repr(pids)] for arm, pids in watched.items()}


def _watched(arm: Arm, stacks: Sequence[Stack]) -> dict[str, Sequence[int]]:
    """The processes whose counters are read: those that serve the arm, and the client unless that is a tool's."""
    client = {"client": (os.getpid(),)} if arm.settings.tool == CLIENT else {}
    return {**stack_of(arm.name, stacks).pids_of(arm.name), **client}


def _check(stacks: Iterable[Stack]) -> None:
    for stack in stacks:
        stack.check()
