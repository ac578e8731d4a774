"""Arranges the stacks of one session, starts them, and prepares a visitor for each arm."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from harness.errors import ConfigError, LoadError, raise_if_any
from harness.experiment.arms import services_of
from harness.experiment.constraints import OWN_CLIENT, has_external_tools
from harness.experiment.transports import is_ipv6
from harness.files import file_names
from harness.load.probe import probe_target
from harness.load.visits import Visitor, open_sender, warm_up
from harness.model import Experiment
from harness.model.record import ArmProof
from harness.observe.counters import CounterReader, open_counters, uncounted_by
from harness.observe.cpu_time import FamilyClock, cpu_reader, read_reaped
from harness.session.preflight import external_tool
from harness.session.targets import ResolvedTarget, answer_mismatches, resolve_targets
from harness.store.store import Store
from harness.testbed.blueprint import Machine, blueprints_of
from harness.testbed.hop_addresses import NGINX_CHAINS
from harness.testbed.kernel.host_values import HostValueSwitch, order_in_blocks, switch_host_values
from harness.testbed.machine.placement import move_process, pin_process
from harness.testbed.machine.resources import raise_file_limit
from harness.testbed.processes.process import ProcessFamily
from harness.testbed.stack.stack import Stack
from harness.testbed.stack.start import start_stacks

SERVICE_BLIND_SPOT = (
    "Behind a url only CPU time is counted, and only if pids or cgroup name the processes: waits, context switches, "
    "connections and system calls are not known."
)
TOOL_BLIND_SPOT = (
    "If an external tool is the client, its waits and context switches are not known, nor which of the TCP connections "
    "belong to the hop."
)
Targets = Mapping[str, ResolvedTarget]  # by arm
ProcessFamilies = Sequence[Mapping[str, ProcessFamily]]  # of each stack, by role
ChildClocks = Mapping[str, Mapping[str, FamilyClock]]  # by arm and role, where servers have started processes


@dataclass(frozen=True, slots=True)
class RunningSession:
    """A session whose servers are up: `visitors` in the order of the arms; `targets` and `counter_readers` by arm."""

    stacks: Sequence[Stack]
    targets: Targets
    visitors: Sequence[Visitor]
    counter_readers: Mapping[str, CounterReader]
    experiment: Experiment
    families: ProcessFamilies

    @property
    def scratch_directory(self) -> Path:
        """Return a directory that is removed with the session; the session must have a stack."""
        return self.stacks[0].blueprint.private_directories[0]

    @property
    def service_proofs(self) -> dict[str, ArmProof]:
        """Return the proof of each arm with a url, by name."""
        return {arm.name: self.targets[arm.name].service_proof for arm in services_of(self.experiment)}

    @property
    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each counter that is not available."""
        tools, services = has_external_tools(self.experiment), services_of(self.experiment)
        blind = {TOOL_BLIND_SPOT: tools, SERVICE_BLIND_SPOT: bool(services)}
        return (*uncounted_by(self.counter_readers), *(sentence for sentence, holds in blind.items() if holds))

    def group_orders(self, orders: Iterable[Sequence[int]]) -> Iterator[Sequence[int]]:
        """Yield rounds in which arms with equal host-wide kernel values follow each other: switching takes time."""
        kernels = [self.targets[visitor.arm].kernel for visitor in self.visitors]
        return (order_in_blocks(order, kernels) for order in orders)

    def pids_of(self, arm: str) -> Mapping[str, Sequence[int]]:
        """Return the pids that serve `arm` now, by role, with their child processes; empty for a service."""
        own: Mapping[str, ProcessFamily] = {}
        for stack, families in zip(self.stacks, self.families, strict=True):
            if arm in stack.blueprint.targets and arm not in stack.null_servers:
                own = families
        return {
            role: (*pids, *(own[role].other_pids() if role in own else ()))
            for role, pids in self.targets[arm].pids.items()
        }


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What all sessions of an experiment need; `ending` has the servers of the last one until they are gone."""

    experiment: Experiment
    store: Store
    machine: Machine
    ending: ExitStack = field(default_factory=ExitStack)


def start_session(session: int, arrangement: Arrangement, exit_stack: ExitStack) -> RunningSession:
    """Start the stacks of a session on `exit_stack`, warm them up and prepare the visitors. A pilot's numbers are <= 0.

    They end while those of the next session start: who starts the last session closes `arrangement.ending`.
    Raises HarnessError if a stack does not start, or if a service does not answer like its reference.
    """
    experiment, machine = arrangement.experiment, arrangement.machine
    directory = arrangement.store.stack_directory(max(session, 0))
    exit_stack.enter_context(raise_file_limit())
    blueprints = blueprints_of(experiment, directory, machine, session)
    switch = exit_stack.enter_context(switch_host_values([blueprint.kernel for blueprint in blueprints]))
    stacks = exit_stack.enter_context(start_stacks(blueprints, probe_target, switch, arrangement.ending))
    targets = resolve_targets(experiment, stacks, machine)
    raise_if_any(_service_mismatches(experiment, targets), ConfigError)
    exit_stack.enter_context(pin_process(targets[experiment.arms[0].name].client_cpus))
    seed = f"{experiment.design.seed}/{session}"
    visitors = _make_visitors(targets, directory / "tool", seed, switch, exit_stack)
    cold_faults = _reaped_faults(stacks)
    warm_up(visitors)
    families = _families_with_children(stacks, cold_faults)
    clocks = _open_child_clocks(stacks, families, exit_stack)
    counter_readers = _open_counters(targets, clocks, exit_stack)  # now that every thread has been started
    counting = [_with_counters(visitor, targets, counter_readers, clocks) for visitor in visitors]
    return RunningSession(stacks, targets, counting, counter_readers, experiment, families)


@contextmanager
def require_same_servers(stacks: Iterable[Stack]) -> Iterator[None]:
    """Raise StackError if a server process ended or was replaced in the body.

    The body may then raise OSError, when it reads CPU time, or LoadError first.
    """
    try:
        yield
    except (OSError, LoadError):
        _check_stacks(stacks)
        raise
    _check_stacks(stacks)


def _check_stacks(stacks: Iterable[Stack]) -> None:
    for stack in stacks:
        stack.check_workers()


def _service_mismatches(experiment: Experiment, targets: Targets) -> Iterator[str]:
    """Yield why a service, or a command, answers differently from its reference; `prove` compares all other answers."""
    foreign = {arm.name for arm in experiment.arms if arm.settings.url or arm.settings.command}
    pairs = [pair for pair in experiment.pairs if foreign & set(pair) and set(pair) <= targets.keys()]
    return answer_mismatches(pairs, {name: served.reply for name, served in targets.items()})


def _make_visitors(
    targets: Targets, tool_directory: Path, seed: str, switch: HostValueSwitch, exit_stack: ExitStack
) -> list[Visitor]:
    """Return a visitor for each arm. The client moves before each visit unless it has the same CPUs for all arms."""
    moves_client = len({served.client_cpus for served in targets.values()}) > 1
    directories = file_names(targets)
    visitors = []
    for name, served in targets.items():
        arm = served.arm
        with served.network.enter():
            target = replace(served.target, expected_answer=served.reply.shape)
            directory, tool = tool_directory / directories[name], external_tool(arm.settings)
            send = exit_stack.enter_context(open_sender(arm, target, tool, directory, seed))
        visitor = Visitor(
            arm=name,
            send=switch.wrap(served.kernel, served.network.wrap(send)),
            cpu=served.cpu,
            before_visit=partial(move_process, served.client_cpus) if moves_client else None,
            to_nginx=arm.settings.chain in NGINX_CHAINS,
        )
        visitors.append(visitor)
    return visitors


def _reaped_faults(stacks: Sequence[Stack]) -> list[dict[str, int]]:
    """Return the page faults of ended children of each stack, by role."""
    return [{role: read_reaped(own)[1] for role, own in stack.process_families.items()} for stack in stacks]


def _families_with_children(stacks: Sequence[Stack], cold_faults: Sequence[Mapping[str, int]]) -> ProcessFamilies:
    """Return the families of each stack; `reads_others` if a process was started since the warm-up began."""
    return [
        {
            role: replace(own, reads_others=bool(own.other_pids()) or read_reaped(own)[1] > faults[role])
            for role, own in stack.process_families.items()
        }
        for stack, faults in zip(stacks, cold_faults, strict=True)
    ]


def _open_child_clocks(stacks: Sequence[Stack], families: ProcessFamilies, exit_stack: ExitStack) -> ChildClocks:
    """Return the clocks of each arm's servers that have started processes. Arms of one stack share them."""
    clocks: dict[str, Mapping[str, FamilyClock]] = {}
    for stack, by_role in zip(stacks, families, strict=True):
        own = {
            role: exit_stack.enter_context(closing(FamilyClock(family)))
            for role, family in by_role.items()
            if family.reads_others
        }
        for name in (arm.name for arm in stack.blueprint.arms if arm.name not in stack.null_servers):
            clocks[name] = {role: own[role] for role in stack.pids_of(name) if role in own}
    return clocks


def _open_counters(targets: Targets, clocks: ChildClocks, exit_stack: ExitStack) -> dict[str, CounterReader]:
    """Open one counter reader for each set of processes, shared by the arms of these processes; return them by arm."""
    counter_readers: dict[str, CounterReader] = {}
    by_pids: dict[str, CounterReader] = {}
    with_ipv6 = any(is_ipv6(served.arm.settings.transport) for served in targets.values())
    for name, served in targets.items():
        client = {"client": (os.getpid(),)} if served.arm.settings.tool == OWN_CLIENT else {}
        pids = {**served.pids, **client}
        if repr(pids) not in by_pids:
            children = {role: clock.family.other_pids() for role, clock in clocks.get(name, {}).items()}
            reader = exit_stack.enter_context(
                open_counters(pids, networks=served.networks, started=children, with_ipv6=with_ipv6)
            )
            by_pids[repr(pids)] = reader
        counter_readers[name] = by_pids[repr(pids)]
    return counter_readers


def _with_counters(
    visitor: Visitor, targets: Targets, counter_readers: Mapping[str, CounterReader], clocks: ChildClocks
) -> Visitor:
    """Return the visitor with its counters, and with a CPU reader that includes child processes if there are any."""
    reader, own = counter_readers[visitor.arm], clocks.get(visitor.arm)
    cpu = cpu_reader(targets[visitor.arm].pids, own) if own else visitor.cpu
    return replace(visitor, counters=(reader.read_before, reader.read_after), cpu=cpu)
