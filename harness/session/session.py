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
from harness.experiment.transports import is_ipv6, socket_protocol
from harness.files import file_names
from harness.load.probe import probe_target
from harness.load.visits import CpuReader, Visitor, open_sender, warm_up
from harness.model import Experiment
from harness.model.record import ArmProof
from harness.observe.counters import IPV6_FILE, MPTCP_FILE, CounterReader, open_counters, uncounted_by
from harness.observe.cpu_time import FamilyClock, cpu_reader, read_reaped
from harness.observe.proof import prove
from harness.remote.arms import client_cpus, join_session, link_visitors, open_client_counters, reach_arms
from harness.remote.link import Link
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
DISTANCE_BLIND_SPOT = (
    "The servers were on another machine: their system calls, their functions and the events of [counters] are not "
    "counted there, and all times include the network between the two machines."
)
Targets = Mapping[str, ResolvedTarget]  # by arm
ProcessFamilies = Sequence[Mapping[str, ProcessFamily]]  # of each stack, by role
ChildClocks = Mapping[str, Mapping[str, FamilyClock]]  # by arm and role, where servers have started processes


@dataclass(frozen=True, slots=True)
class RunningSession:
    """A session whose servers are up: `visitors` in the order of the arms; `targets` and `counter_readers` by arm.

    Behind a `link` they are on another machine: then there are no `stacks` here, and `remote_proofs` come from there.
    """

    stacks: Sequence[Stack]
    targets: Targets
    visitors: Sequence[Visitor]
    counter_readers: Mapping[str, CounterReader]
    experiment: Experiment
    families: ProcessFamilies
    link: Link | None = None
    remote_proofs: Mapping[str, ArmProof] = field(default_factory=dict)
    remote_gaps: tuple[str, ...] = ()  # sentences on counters that the other machine does not have

    @property
    def scratch_directory(self) -> Path:
        """Return a directory that is removed with the session; the session must have a stack."""
        return self.stacks[0].blueprint.private_directories[0]

    def prove(self) -> dict[str, ArmProof]:
        """Return the proof of each arm by name. Raises StackError, or MachineError for a wrong file system."""
        services = {arm.name: self.targets[arm.name].service_proof for arm in services_of(self.experiment)}
        return {**prove(self.stacks), **services, **self.remote_proofs}

    @property
    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each counter that is not available."""
        tools, services = has_external_tools(self.experiment), services_of(self.experiment)
        blind = {TOOL_BLIND_SPOT: tools, SERVICE_BLIND_SPOT: bool(services), DISTANCE_BLIND_SPOT: bool(self.link)}
        sentences = (sentence for sentence, holds in blind.items() if holds)
        return (*uncounted_by(self.counter_readers), *self.remote_gaps, *sentences)

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
    """What all sessions of an experiment need; `ending` has the servers of the last one until they are gone.

    With a `link`, the servers are started on the machine at its other end.
    """

    experiment: Experiment
    store: Store
    machine: Machine
    ending: ExitStack = field(default_factory=ExitStack)
    link: Link | None = None

    def directory(self, session: int) -> Path:
        """Return the directory of the configuration files and logs of a session."""
        return self.store.stack_directory(max(session, 0))

    def seed(self, session: int) -> str:
        """Return the seed of the open loops of a session."""
        return f"{self.experiment.design.seed}/{session}"


@dataclass(frozen=True, slots=True)
class ServerReaders:
    """What reads the servers of a session: counters and CPU time by arm, and the process families of each stack."""

    counters: Mapping[str, CounterReader]
    cpu: Mapping[str, CpuReader]
    families: ProcessFamilies


def start_session(session: int, arrangement: Arrangement, exit_stack: ExitStack) -> RunningSession:
    """Start the stacks of a session on `exit_stack`, warm them up and prepare the visitors. A pilot's numbers are <= 0.

    They end while those of the next session start: who starts the last session closes `arrangement.ending`.
    Raises HarnessError if a stack does not start, or if a service does not answer like its reference.
    """
    exit_stack.enter_context(raise_file_limit())
    if arrangement.link:
        return _join_session(session, arrangement, arrangement.link, exit_stack)
    experiment = arrangement.experiment
    stacks, switch = start_servers(session, arrangement, exit_stack)
    targets = resolve_targets(experiment, stacks, arrangement.machine)
    raise_if_any(_service_mismatches(experiment, targets), ConfigError)
    visitors = _make_visitors(session, targets, arrangement, switch, exit_stack)
    cold_faults = reaped_faults(stacks)
    warm_up(visitors)
    readers = open_readers(stacks, targets, cold_faults, exit_stack)  # now that every thread has been started
    counting = [
        replace(visitor, counters=(reader.read_before, reader.read_after), cpu=readers.cpu[visitor.arm])
        for visitor in visitors
        for reader in [readers.counters[visitor.arm]]
    ]
    return RunningSession(stacks, targets, counting, readers.counters, experiment, readers.families)


def start_servers(session: int, arrangement: Arrangement, exit_stack: ExitStack) -> tuple[list[Stack], HostValueSwitch]:
    """Start the stacks of a session on `exit_stack`; return them, and the switch of their host-wide kernel values."""
    directory = arrangement.directory(session)
    blueprints = blueprints_of(arrangement.experiment, directory, arrangement.machine, session)
    switch = exit_stack.enter_context(switch_host_values([blueprint.kernel for blueprint in blueprints]))
    stacks = exit_stack.enter_context(start_stacks(blueprints, probe_target, switch, arrangement.ending))
    return stacks, switch


def open_readers(
    stacks: Sequence[Stack],
    targets: Targets,
    cold_faults: Sequence[Mapping[str, int]],
    exit_stack: ExitStack,
    *,
    has_client: bool = True,
) -> ServerReaders:
    """Open what reads the servers, after a warm-up; `cold_faults` are from before it.

    `has_client`: whether this process is the client of these servers.
    """
    families = _families_with_children(stacks, cold_faults)
    clocks = _open_child_clocks(stacks, families, exit_stack)
    counters = _open_counters(targets, clocks, (os.getpid(),) if has_client else (), exit_stack)
    cpu = {
        name: cpu_reader(served.pids, clocks[name]) if clocks.get(name) else served.cpu
        for name, served in targets.items()
    }
    return ServerReaders(counters, cpu, families)


def _join_session(session: int, arrangement: Arrangement, link: Link, exit_stack: ExitStack) -> RunningSession:
    """Let the machine at the other end of `link` start a session, as `start_session` does here."""
    experiment = arrangement.experiment
    served = exit_stack.enter_context(join_session(link, session))
    targets = {
        name: ResolvedTarget(arm, target, reply, client_cpus(arm, arrangement.machine), cpu_reader({}), pids={})
        for name, (target, reply) in reach_arms(experiment, served, arrangement.directory(session)).items()
        for arm in [experiment.arm(name)]
    }
    raise_if_any(_service_mismatches(experiment, targets), ConfigError)
    switch = exit_stack.enter_context(switch_host_values([]))
    visitors = _make_visitors(session, targets, arrangement, switch, exit_stack)
    warm_up(visitors)
    gaps = link.ready()
    readers = open_client_counters(link, experiment, exit_stack)
    proofs = {name: served.arms[name].proof for name in targets}
    visitors = link_visitors(link, visitors, readers)
    return RunningSession((), targets, visitors, readers, experiment, (), link, proofs, gaps)


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
    session: int, targets: Targets, arrangement: Arrangement, switch: HostValueSwitch, exit_stack: ExitStack
) -> list[Visitor]:
    """Return a visitor for each arm. The client moves before each visit unless it has the same CPUs for all arms."""
    tool_directory, seed = arrangement.directory(session) / "tool", arrangement.seed(session)
    exit_stack.enter_context(pin_process(targets[arrangement.experiment.arms[0].name].client_cpus))
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


def reaped_faults(stacks: Sequence[Stack]) -> list[dict[str, int]]:
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


def _open_counters(
    targets: Targets, clocks: ChildClocks, client_pids: Sequence[int], exit_stack: ExitStack
) -> dict[str, CounterReader]:
    """Open one counter reader for each set of processes, shared by the arms of these processes; return them by arm."""
    counter_readers: dict[str, CounterReader] = {}
    by_pids: dict[str, CounterReader] = {}
    kinds = {served.arm.settings.transport for served in targets.values()}
    also = [file for file, uses in ((IPV6_FILE, is_ipv6), (MPTCP_FILE, socket_protocol)) if any(map(uses, kinds))]
    for name, served in targets.items():
        client = {"client": client_pids} if client_pids and served.arm.settings.tool == OWN_CLIENT else {}
        pids = {**served.pids, **client}
        if repr(pids) not in by_pids:
            children = {role: clock.family.other_pids() for role, clock in clocks.get(name, {}).items()}
            reader = exit_stack.enter_context(
                open_counters(pids, networks=served.networks, started=children, also=also)
            )
            by_pids[repr(pids)] = reader
        counter_readers[name] = by_pids[repr(pids)]
    return counter_readers
