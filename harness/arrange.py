"""Start a session: its stacks, warmed up, and for each arm the functions that visit and count it."""

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
    "Behind a url only CPU time is counted, and only if pids or cgroup name the processes: waits, context switches, "
    "connections and system calls are not known."
)
OF_A_TOOL = (
    "If an external tool is the client, its waits and context switches are not known, nor which of the TCP connections "
    "belong to the hop."
)


@dataclass(frozen=True, slots=True)
class Arranged:
    """A running session; visitors are in the order of the arms, `served` and `gauges` are by arm name."""

    stacks: Sequence[Stack]
    served: Mapping[str, Served]
    visitors: Sequence[Visitor]
    gauges: Mapping[str, Gauge]
    experiment: Experiment
    families: Families

    @property
    def scratch(self) -> Path:
        """Return a directory that is removed with the session; the session must have a stack."""
        return self.stacks[0].blueprint.private[0]

    @property
    def by_tools(self) -> bool:
        """Return whether an external tool is the client of any arm."""
        return has_tools(self.experiment)

    @property
    def proofs_of_services(self) -> dict[str, dict[str, Any]]:
        """Return the proof of each arm with a url, by name."""
        return {arm.name: service_proof(arm, self.served[arm.name]) for arm in services_of(self.experiment)}

    @property
    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each counter that is not available."""
        blind = {OF_A_TOOL: self.by_tools, OF_A_SERVICE: bool(services_of(self.experiment))}
        return (*unseen_by(self.gauges), *(sentence for sentence, holds in blind.items() if holds))

    def in_blocks(self, orders: Iterable[Sequence[int]]) -> Iterator[Sequence[int]]:
        """Yield rounds in which arms with equal host-wide kernel values follow each other: switching takes time."""
        kernels = [self.served[visitor.arm].kernel for visitor in self.visitors]
        return (in_blocks(order, kernels) for order in orders)

    def pids_of(self, arm: str) -> Mapping[str, Sequence[int]]:
        """Return the pids that serve `arm` now, by role, with their child processes; empty for a service."""
        of_stacks = zip(self.stacks, self.families, strict=True)
        own = next((own for stack, own in of_stacks if arm in stack.blueprint.targets and arm not in stack.bare), {})
        return {
            role: (*pids, *(own[role].others() if role in own else ())) for role, pids in self.served[arm].pids.items()
        }


def arrange(session: int, experiment: Experiment, store: Store, machine: Machine, exit_stack: ExitStack) -> Arranged:
    """Start the stacks of a session on `exit_stack`, warm them up and prepare the visitors.

    Raises HarnessError if a stack does not start, or if a service does not answer like its reference.
    """
    directory = store.stack_directory(session)
    tool_directories = file_names(arm.name for arm in experiment.arms)
    exit_stack.enter_context(many_descriptors())
    blueprints = blueprints_of(experiment, directory, machine)
    switch = exit_stack.enter_context(global_values([blueprint.kernel for blueprint in blueprints]))
    stacks = exit_stack.enter_context(running_stacks(blueprints, ask, switch))
    targets = served(experiment, stacks, machine)
    raise_all(_unlike(experiment, targets), ConfigError)
    exit_stack.enter_context(pinned(targets[experiment.arms[0].name].client_cpus))
    seed = f"{experiment.design.seed}/{session}"
    visitors = [
        _visitor(arm, targets, directory / "tool" / tool_directories[arm.name], seed, exit_stack, switch)
        for arm in experiment.arms
    ]
    find_families = families_when_warm(stacks)
    warm_up(visitors)
    families = find_families()
    started = exit_stack.enter_context(started_by(stacks, families))
    gauges = _gauges(experiment, targets, started, exit_stack)  # now that every thread has been started
    counting = [_counting(visitor, gauges[visitor.arm], started.get(visitor.arm)) for visitor in visitors]
    return Arranged(stacks, targets, counting, gauges, experiment, families)


@contextmanager
def the_same_servers(stacks: Iterable[Stack]) -> Iterator[None]:
    """Raise StackError if a server process ended or was replaced in the body.

    The body may then raise OSError, when it reads CPU time, or LoadError first.
    """
    try:
        yield
    except (OSError, LoadError):
        _check(stacks)
        raise
    _check(stacks)


def _unlike(experiment: Experiment, by_arm: Mapping[str, Served]) -> Iterator[str]:
    """Yield why a service answers differently from its reference; `prove` compares the answers of our stacks."""
    services = {arm.name for arm in services_of(experiment)}
    pairs = [pair for pair in experiment.pairs if services & set(pair) and set(pair) <= by_arm.keys()]
    return unlike_answers(pairs, {name: served.reply for name, served in by_arm.items()})


def _visitor(  # noqa: PLR0913 - everything that a visit depends on
    arm: Arm, by_arm: Mapping[str, Served], directory: Path, seed: str, exit_stack: ExitStack, switch: Switch
) -> Visitor:
    own = by_arm[arm.name]
    with own.network.entered():
        target = replace(own.target, proved=own.reply.shape)
        send = exit_stack.enter_context(sender(arm, target, outside_tool(arm.settings), directory, seed))
    return Visitor(
        arm=arm.name,
        send=switch.under(own.kernel, own.network.inside(send)),
        cpu=own.cpu,
        approach=_approach(own, by_arm),
        to_nginx=arm.settings.chain in BEHIND_NGINX,
    )


def _approach(own: Served, by_arm: Mapping[str, Served]) -> Callable[[], None] | None:
    """Return a function that moves the client to its CPUs; None if they are the same for all arms."""
    cpu_sets = {served.client_cpus for served in by_arm.values()}
    return partial(move_to, own.client_cpus) if len(cpu_sets) > 1 else None


def _counting(visitor: Visitor, counters: Gauge, started: Started | None) -> Visitor:
    """Return the visitor with its counters, and with a CPU reader that includes child processes if there are any."""
    cpu = started.cpu if started and started.cpu else visitor.cpu
    return replace(visitor, counters=(counters.before, counters.after), cpu=cpu)


def _gauges(
    experiment: Experiment, by_arm: Mapping[str, Served], started: Mapping[str, Started], exit_stack: ExitStack
) -> dict[str, Gauge]:
    """Open one gauge for each set of processes, shared by the arms of these processes; return them by arm."""
    pids_of = {arm.name: _watched(arm, by_arm[arm.name]) for arm in experiment.arms}
    by_key = {repr(pids): pids for pids in pids_of.values()}
    networks = {repr(pids_of[name]): served.networks for name, served in by_arm.items()}
    others = {repr(pids_of[name]): processes.others for name, processes in started.items()}
    gauges = {
        key: exit_stack.enter_context(gauge(pids, networks=networks[key], started=others.get(key)))
        for key, pids in by_key.items()
    }
    return {arm: gauges[repr(pids)] for arm, pids in pids_of.items()}


def _watched(arm: Arm, own: Served) -> dict[str, Sequence[int]]:
    """Return the pids whose counters are read, by role: the arm's servers, and the client unless it is a tool."""
    client = {"client": (os.getpid(),)} if arm.settings.tool == CLIENT else {}
    return {**own.pids, **client}


def _check(stacks: Iterable[Stack]) -> None:
    for stack in stacks:
        stack.check()
