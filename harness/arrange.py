"""Arranges a session: its stacks, up and warm, and for each arm how it is visited and what is counted of it."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import LoadError
from harness.evidence.counters.gauge import Gauge, gauge
from harness.evidence.cpu_time import cpu_reader
from harness.evidence.store import Store
from harness.lab.blueprint import Machine, blueprints_of
from harness.lab.pinning import pinned
from harness.lab.routes import BEHIND_NGINX
from harness.lab.stack import Stack, running_stacks
from harness.load.ask import ask
from harness.load.visits import Visitor, sender, warm_up
from harness.model import Arm, Experiment
from harness.preflight import outside_tool


@dataclass(frozen=True, slots=True)
class Arranged:
    """What is there while a session lasts; visitors are in the order of the arms, gauges by arm."""

    stacks: Sequence[Stack]
    visitors: Sequence[Visitor]
    gauges: Mapping[str, Gauge]

    def pids_of(self, arm: str) -> Mapping[str, Sequence[int]]:
        """The processes that serve `arm`, by role."""
        return stack_of(arm, self.stacks).pids_of(arm)


def arrange(session: int, experiment: Experiment, store: Store, machine: Machine, until_the_end: ExitStack) -> Arranged:
    """Raises HarnessError where a stack does not come up."""
    directory = store.stack_directory(session)
    stacks = until_the_end.enter_context(running_stacks(blueprints_of(experiment, directory, machine), ask))
    until_the_end.enter_context(pinned(stacks[0].blueprint.placement.cpus["client"]))
    gauges = {arm.name: until_the_end.enter_context(gauge(_watched(arm.name, stacks))) for arm in experiment.arms}
    visitors = [_visitor(arm, stacks, gauges[arm.name], directory, until_the_end) for arm in experiment.arms]
    warm_up(visitors)
    return Arranged(stacks, visitors, gauges)


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


def _visitor(arm: Arm, stacks: Sequence[Stack], counters: Gauge, directory: Path, until_the_end: ExitStack) -> Visitor:
    stack = stack_of(arm.name, stacks)
    target = stack.blueprint.targets[arm.name]
    return Visitor(
        arm=arm.name,
        send=until_the_end.enter_context(sender(arm, target, outside_tool(arm.settings), directory)),
        cpu=cpu_reader(stack.pids_of(arm.name)),
        counters=counters.read,
        to_nginx=arm.settings.chain in BEHIND_NGINX,
    )


def _watched(arm: str, stacks: Sequence[Stack]) -> dict[str, Sequence[int]]:
    """The processes whose counters are read: those that serve the arm, and the client."""
    return {**stack_of(arm, stacks).pids_of(arm), "client": (os.getpid(),)}


def _check(stacks: Iterable[Stack]) -> None:
    for stack in stacks:
        stack.check()
