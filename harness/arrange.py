"""Arranges a session: its stacks, up and warm, and for each arm how it is visited and what is counted of it."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import ConfigError, LoadError, raise_all
from harness.evidence.answers import unlike_answers
from harness.evidence.counters.gauge import Gauge, gauge, unseen_by
from harness.evidence.store import Store
from harness.experiment.lengths import has_tools
from harness.experiment.limits import CLIENT
from harness.experiment.sharing import services_of
from harness.families import Families, Started, families_when_warm, started_by
from harness.file_names import file_names
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
from harness.served import Served, served, service_proof

OF_A_SERVICE = (
    "Of what is behind a url nothing is counted but CPU time, and that where pids or cgroup name whose: waiting, "
    "switches, connections and system calls are not known."
)
OF_A_TOOL = (
    "Where an outside tool is the client, its waiting and switches are not known, nor which of the TCP connections are "
    "the hop's."
)


@dataclass(frozen=True, slots=True)
class Arranged:
    """What is there while a session lasts; visitors are in the order of the arms, `served` and gauges by arm."""

    stacks: Sequence[Stack]
    served: Mapping[str, Served]
    visitors: Sequence[Visitor]
    gauges: Mapping[str, Gauge]
    experiment: Experiment
    families: Families

    @property
    def scratch(self) -> Path:
        """A directory that goes with the session, which has a stack."""
        return self.stacks[0].blueprint.private[0]

    @property
    def by_tools(self) -> bool:
        """Whether an outside tool is the client of any arm."""
        return has_tools(self.experiment)

    @property
    def proofs_of_services(self) -> dict[str, dict[str, Any]]:
        return {arm.name: service_proof(arm, self.served[arm.name]) for arm in services_of(self.experiment)}

    @property
    def unseen(self) -> tuple[str, ...]:
        """Sentences on what is not counted."""
        blind = {OF_A_TOOL: self.by_tools, OF_A_SERVICE: bool(services_of(self.experiment))}
        return (*unseen_by(self.gauges), *(sentence for sentence, holds in blind.items() if holds))

    def in_blocks(self, orders: Iterable[Sequence[int]]) -> Iterator[Sequence[int]]:
        """Rounds in which arms with equal values of the whole machine follow each other: switching takes time."""
        kernels = [self.served[visitor.arm].kernel for visitor in self.visitors]
        return (in_blocks(order, kernels) for order in orders)

    def pids_of(self, arm: str) -> Mapping[str, Sequence[int]]:
        """The processes that serve `arm` now, by role, with those that were started by them; none of a service."""
        of_stacks = ((stack, own) for stack, own in zip(self.stacks, self.families, strict=True))
        found = next((own for stack, own in of_stacks if arm in stack.blueprint.targets and arm not in stack.bare), {})
        return {
            role: (*pids, *(found[role].others() if role in found else ()))
            for role, pids in self.served[arm].pids.items()
        }


def arrange(session: int, experiment: Experiment, store: Store, machine: Machine, until_the_end: ExitStack) -> Arranged:
    """Raises HarnessError where a stack does not come up, or a service does not answer as its reference does."""
    directory = store.stack_directory(session)
    of_tools = file_names(arm.name for arm in experiment.arms)
    until_the_end.enter_context(many_descriptors())
    blueprints = blueprints_of(experiment, directory, machine)
    switch = until_the_end.enter_context(global_values([blueprint.kernel for blueprint in blueprints]))
    stacks = until_the_end.enter_context(running_stacks(blueprints, ask, switch))
    by_arm = served(experiment, stacks, machine)
    raise_all(_unlike(experiment, by_arm), ConfigError)
    until_the_end.enter_context(pinned(by_arm[experiment.arms[0].name].client_cpus))
    seed = f"{experiment.design.seed}/{session}"
    visitors = [
        _visitor(arm, by_arm, directory / "tool" / of_tools[arm.name], seed, until_the_end, switch)
        for arm in experiment.arms
    ]
    find_families = families_when_warm(stacks)
    warm_up(visitors)
    families = find_families()
    started = until_the_end.enter_context(started_by(stacks, families))
    gauges = _gauges(experiment, by_arm, started, until_the_end)  # now that every thread has been started
    counting = [_counting(visitor, gauges[visitor.arm], started.get(visitor.arm)) for visitor in visitors]
    return Arranged(stacks, by_arm, counting, gauges, experiment, families)


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


def _unlike(experiment: Experiment, by_arm: Mapping[str, Served]) -> Iterator[str]:
    """Why a service is not what it is compared with; that our stacks answer alike is proved elsewhere."""
    services = {arm.name for arm in services_of(experiment)}
    asked = [pair for pair in experiment.pairs if services & set(pair) and set(pair) <= by_arm.keys()]
    return unlike_answers(asked, {name: one.reply for name, one in by_arm.items()})


def _visitor(  # noqa: PLR0913 - everything that a visit depends on
    arm: Arm, by_arm: Mapping[str, Served], directory: Path, seed: str, until_the_end: ExitStack, switch: Switch
) -> Visitor:
    own = by_arm[arm.name]
    with own.network.entered():
        held = replace(own.target, proved=own.reply.shape)
        sending = sender(arm, held, outside_tool(arm.settings), directory, seed)
        send = until_the_end.enter_context(sending)
    return Visitor(
        arm=arm.name,
        send=switch.under(own.kernel, own.network.inside(send)),
        cpu=own.cpu,
        approach=_approach(own, by_arm),
        to_nginx=arm.settings.chain in BEHIND_NGINX,
    )


def _approach(own: Served, by_arm: Mapping[str, Served]) -> Callable[[], None] | None:
    """Moving the client to its CPUs, where it does not have the same for all arms."""
    places = {one.client_cpus for one in by_arm.values()}
    return partial(move_to, own.client_cpus) if len(places) > 1 else None


def _counting(visitor: Visitor, gauge_: Gauge, started: Started | None) -> Visitor:
    """The visitor with its counters, and with a reader of every process where servers have started some."""
    cpu = started.cpu if started and started.cpu else visitor.cpu
    return replace(visitor, counters=(gauge_.before, gauge_.after), cpu=cpu)


def _gauges(
    experiment: Experiment, by_arm: Mapping[str, Served], started: Mapping[str, Started], until_the_end: ExitStack
) -> dict[str, Gauge]:
    """One for each set of processes: arms that share them share it."""
    watched = {arm.name: _watched(arm, by_arm[arm.name]) for arm in experiment.arms}
    opened = {repr(pids): pids for pids in watched.values()}
    networks = {repr(watched[name]): one.networks for name, one in by_arm.items()}
    others = {repr(watched[name]): one.others for name, one in started.items()}
    gauges = {
        key: until_the_end.enter_context(gauge(pids, networks=networks[key], started=others.get(key)))
        for key, pids in opened.items()
    }
    return {arm: gauges[repr(pids)] for arm, pids in watched.items()}


def _watched(arm: Arm, own: Served) -> dict[str, Sequence[int]]:
    """The processes whose counters are read: those that serve the arm, and the client unless that is a tool's."""
    client = {"client": (os.getpid(),)} if arm.settings.tool == CLIENT else {}
    return {**own.pids, **client}


def _check(stacks: Iterable[Stack]) -> None:
    for stack in stacks:
        stack.check()
