"""Arranges the stacks of one session, starts them, and resolves what serves each arm."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.errors import ConfigError, LoadError, raise_all
from harness.experiment.constraints import OWN_CLIENT
from harness.experiment.cost import has_external_tools
from harness.experiment.stacks import services_of
from harness.files import file_names
from harness.load.drivers import open_sender
from harness.load.probe import probe_service, probe_target
from harness.load.visits import CpuReader, Visitor, warm_up
from harness.model import SERVICE_ROLE, Arm, Experiment, Reply, Target
from harness.model.facts import ArmProof
from harness.observe.counters import Gauge, open_gauge, uncounted_by
from harness.observe.cpu_time import FamilyClock, cpu_reader, read_reaped, service_cpu_reader, service_pids
from harness.observe.proof import answer_mismatches, answer_proof
from harness.session.preflight import external_tool
from harness.store.store import Store
from harness.testbed.addresses import NGINX_CHAINS
from harness.testbed.blueprint import Machine, blueprints_of
from harness.testbed.kernel.host_values import HostValueSwitch, order_in_blocks, switch_host_values
from harness.testbed.kernel.settings import UNCHANGED_KERNEL, KernelConfiguration
from harness.testbed.machine.placement import CpuSet, move_process, pin_process, placement_of
from harness.testbed.machine.resources import raise_file_limit
from harness.testbed.network.namespace import HOST_NETWORK, NetworkNamespace
from harness.testbed.processes.process import ProcessFamily
from harness.testbed.stack import Stack, start_stacks

SERVICE_BLIND_SPOT = (
    "Behind a url only CPU time is counted, and only if pids or cgroup name the processes: waits, context switches, "
    "connections and system calls are not known."
)
TOOL_BLIND_SPOT = (
    "If an external tool is the client, its waits and context switches are not known, nor which of the TCP connections "
    "belong to the hop."
)
ProcessFamilies = Sequence[Mapping[str, ProcessFamily]]  # of each stack, by role


@dataclass(frozen=True, slots=True)
class ResolvedTarget:
    """The target of an arm, the reply that proved it ready, and its processes.

    `pids` are the processes whose counters may be read, by role. `network` is the client's; `networks` are all networks
    that a request crosses, if there is more than one.
    """

    target: Target
    reply: Reply
    client_cpus: CpuSet
    cpu: CpuReader
    pids: Mapping[str, tuple[int, ...]]
    kernel: KernelConfiguration = UNCHANGED_KERNEL
    network: NetworkNamespace = HOST_NETWORK
    networks: tuple[NetworkNamespace, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningSession:
    """A session whose servers are up: `visitors` in the order of the arms, `targets` and `gauges` by arm name."""

    stacks: Sequence[Stack]
    targets: Mapping[str, ResolvedTarget]
    visitors: Sequence[Visitor]
    gauges: Mapping[str, Gauge]
    experiment: Experiment
    families: ProcessFamilies

    @property
    def scratch_directory(self) -> Path:
        """Return a directory that is removed with the session; the session must have a stack."""
        return self.stacks[0].blueprint.private_directories[0]

    @property
    def has_external_tools(self) -> bool:
        """Return whether an external tool is the client of any arm."""
        return has_external_tools(self.experiment)

    @property
    def service_proofs(self) -> dict[str, ArmProof]:
        """Return the proof of each arm with a url, by name."""
        return {arm.name: service_proof(arm, self.targets[arm.name]) for arm in services_of(self.experiment)}

    @property
    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each counter that is not available."""
        blind = {TOOL_BLIND_SPOT: self.has_external_tools, SERVICE_BLIND_SPOT: bool(services_of(self.experiment))}
        return (*uncounted_by(self.gauges), *(sentence for sentence, holds in blind.items() if holds))

    def group_orders(self, orders: Iterable[Sequence[int]]) -> Iterator[Sequence[int]]:
        """Yield rounds in which arms with equal host-wide kernel values follow each other: switching takes time."""
        kernels = [self.targets[visitor.arm].kernel for visitor in self.visitors]
        return (order_in_blocks(order, kernels) for order in orders)

    def pids_of(self, arm: str) -> Mapping[str, Sequence[int]]:
        """Return the pids that serve `arm` now, by role, with their child processes; empty for a service."""
        of_stacks = zip(self.stacks, self.families, strict=True)
        own = next(
            (own for stack, own in of_stacks if arm in stack.blueprint.targets and arm not in stack.null_servers), {}
        )
        return {
            role: (*pids, *(own[role].other_pids() if role in own else ()))
            for role, pids in self.targets[arm].pids.items()
        }


def start_session(
    session: int, experiment: Experiment, store: Store, machine: Machine, exit_stack: ExitStack
) -> RunningSession:
    """Start the stacks of a session on `exit_stack`, warm them up and prepare the visitors.

    Raises HarnessError if a stack does not start, or if a service does not answer like its reference.
    """
    directory = store.stack_directory(session)
    tool_directories = file_names(arm.name for arm in experiment.arms)
    exit_stack.enter_context(raise_file_limit())
    blueprints = blueprints_of(experiment, directory, machine)
    switch = exit_stack.enter_context(switch_host_values([blueprint.kernel for blueprint in blueprints]))
    stacks = exit_stack.enter_context(start_stacks(blueprints, probe_target, switch))
    targets = resolve_targets(experiment, stacks, machine)
    raise_all(_service_mismatches(experiment, targets), ConfigError)
    exit_stack.enter_context(pin_process(targets[experiment.arms[0].name].client_cpus))
    seed = f"{experiment.design.seed}/{session}"
    visitors = [
        _make_visitor(arm, targets, directory / "tool" / tool_directories[arm.name], seed, exit_stack, switch)
        for arm in experiment.arms
    ]
    mark_families = family_marker(stacks)
    warm_up(visitors)
    families = mark_families()
    started = exit_stack.enter_context(open_child_clocks(stacks, families))
    gauges = _open_gauges(experiment, targets, started, exit_stack)  # now that every thread has been started
    counting = [_with_counters(visitor, gauges[visitor.arm], started.get(visitor.arm)) for visitor in visitors]
    return RunningSession(stacks, targets, counting, gauges, experiment, families)


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


def _service_mismatches(experiment: Experiment, by_arm: Mapping[str, ResolvedTarget]) -> Iterator[str]:
    """Yield why a service answers differently from its reference; `prove` compares the answers of our stacks."""
    services = {arm.name for arm in services_of(experiment)}
    pairs = [pair for pair in experiment.pairs if services & set(pair) and set(pair) <= by_arm.keys()]
    return answer_mismatches(pairs, {name: served.reply for name, served in by_arm.items()})


def _make_visitor(  # noqa: PLR0913 - everything that a visit depends on
    arm: Arm,
    by_arm: Mapping[str, ResolvedTarget],
    directory: Path,
    seed: str,
    exit_stack: ExitStack,
    switch: HostValueSwitch,
) -> Visitor:
    own = by_arm[arm.name]
    with own.network.enter():
        target = replace(own.target, expected_answer=own.reply.shape)
        send = exit_stack.enter_context(open_sender(arm, target, external_tool(arm.settings), directory, seed))
    return Visitor(
        arm=arm.name,
        send=switch.wrap(own.kernel, own.network.wrap(send)),
        cpu=own.cpu,
        before_visit=_client_mover(own, by_arm),
        to_nginx=arm.settings.chain in NGINX_CHAINS,
    )


def _client_mover(own: ResolvedTarget, by_arm: Mapping[str, ResolvedTarget]) -> Callable[[], None] | None:
    """Return a function that moves the client to its CPUs; None if they are the same for all arms."""
    cpu_sets = {served.client_cpus for served in by_arm.values()}
    return partial(move_process, own.client_cpus) if len(cpu_sets) > 1 else None


@dataclass(frozen=True, slots=True)
class ChildProcesses:
    """The child processes of the servers of one arm.

    `cpu` reads the CPU time of workers and children; None if there are no children. `others` are the pids of the
    children that run now, by role.
    """

    cpu: CpuReader | None
    others: Mapping[str, Sequence[int]]


def _with_counters(visitor: Visitor, counters: Gauge, started: ChildProcesses | None) -> Visitor:
    """Return the visitor with its counters, and with a CPU reader that includes child processes if there are any."""
    cpu = started.cpu if started and started.cpu else visitor.cpu
    return replace(visitor, counters=(counters.read_before, counters.read_after), cpu=cpu)


def _open_gauges(
    experiment: Experiment,
    by_arm: Mapping[str, ResolvedTarget],
    started: Mapping[str, ChildProcesses],
    exit_stack: ExitStack,
) -> dict[str, Gauge]:
    """Open one gauge for each set of processes, shared by the arms of these processes; return them by arm."""
    pids_of = {arm.name: _counted_pids(arm, by_arm[arm.name]) for arm in experiment.arms}
    by_key = {repr(pids): pids for pids in pids_of.values()}
    networks = {repr(pids_of[name]): served.networks for name, served in by_arm.items()}
    others = {repr(pids_of[name]): processes.others for name, processes in started.items()}
    gauges = {
        key: exit_stack.enter_context(open_gauge(pids, networks=networks[key], started=others.get(key)))
        for key, pids in by_key.items()
    }
    return {arm: gauges[repr(pids)] for arm, pids in pids_of.items()}


def _counted_pids(arm: Arm, own: ResolvedTarget) -> dict[str, Sequence[int]]:
    """Return the pids whose counters are read, by role: the arm's servers, and the client unless it is a tool."""
    client = {"client": (os.getpid(),)} if arm.settings.tool == OWN_CLIENT else {}
    return {**own.pids, **client}


def _check_stacks(stacks: Iterable[Stack]) -> None:
    for stack in stacks:
        stack.check_workers()


def family_marker(stacks: Sequence[Stack]) -> Callable[[], ProcessFamilies]:
    """Return a function to call after the warm-up; it marks each role with workers that have started a process."""
    cold = [stack.process_families for stack in stacks]
    faults = [{role: read_reaped(family)[1] for role, family in own.items()} for own in cold]

    def mark() -> ProcessFamilies:
        return [
            {role: replace(family, reads_others=_has_children(family, before[role])) for role, family in own.items()}
            for own, before in zip(cold, faults, strict=True)
        ]

    return mark


@contextmanager
def open_child_clocks(stacks: Sequence[Stack], families: ProcessFamilies) -> Iterator[dict[str, ChildProcesses]]:
    """Yield the child processes of each arm with a stack, by name. Arms of one stack share the open files."""
    clocks = [{role: FamilyClock(family) for role, family in own.items() if family.reads_others} for own in families]
    try:
        yield {
            arm.name: _child_processes(stack, arm.name, own)
            for stack, own in zip(stacks, clocks, strict=True)
            for arm in stack.blueprint.arms
        }
    finally:
        for clock in (clock for own in clocks for clock in own.values()):
            clock.close()


def _has_children(family: ProcessFamily, faults_before: int) -> bool:
    return bool(family.other_pids()) or read_reaped(family)[1] > faults_before


def _child_processes(stack: Stack, arm: str, clocks: Mapping[str, FamilyClock]) -> ChildProcesses:
    pids = stack.pids_of(arm)
    own = {role: clock for role, clock in clocks.items() if arm not in stack.null_servers and role in pids}
    others = {role: clock.family.other_pids() for role, clock in own.items()}
    return ChildProcesses(cpu_reader(pids, own) if own else None, others)


def resolve_targets(experiment: Experiment, stacks: Sequence[Stack], machine: Machine) -> dict[str, ResolvedTarget]:
    """Return the target of each arm, by name. Raises LoadError or ConfigError if a service does not answer."""
    of_stacks = {arm.name: stack for stack in stacks for arm in stack.blueprint.arms}
    return {
        arm.name: _stack_target(arm, of_stacks[arm.name])
        if arm.name in of_stacks
        else _service_target(arm, stacks, machine)
        for arm in experiment.arms
    }


def service_proof(arm: Arm, served: ResolvedTarget) -> ArmProof:
    """Return the proof of a service: its address, its answer, and the pids that the experiment names."""
    proof = answer_proof(served.reply)
    proof["url"], proof["address"] = arm.settings.url, served.target.address
    proof["pids"] = {SERVICE_ROLE: sorted(service_pids(arm.settings))}
    return proof


def _stack_target(arm: Arm, stack: Stack) -> ResolvedTarget:
    pids = stack.pids_of(arm.name)
    return ResolvedTarget(
        target=stack.blueprint.targets[arm.name],
        reply=stack.replies[arm.name],
        client_cpus=stack.blueprint.placement.cpus["client"],
        cpu=cpu_reader(pids),
        pids=pids,
        kernel=stack.blueprint.kernel,
        network=stack.network.of("client"),
        networks=stack.network.all_networks if stack.network.places else (),
    )


def _service_target(arm: Arm, stacks: Sequence[Stack], machine: Machine) -> ResolvedTarget:
    target, reply = probe_service(arm)
    cpus = _client_cpus(arm, stacks, machine)
    return ResolvedTarget(target=target, reply=reply, client_cpus=cpus, cpu=service_cpu_reader(arm), pids={})


def _client_cpus(arm: Arm, stacks: Sequence[Stack], machine: Machine) -> CpuSet:
    """Return the client CPUs of a stack with the same placement, so that arms do not differ in the client's CPUs."""
    wanted = arm.settings.placement
    blueprints = [stack.blueprint for stack in stacks]
    equal = (blueprint.placement for blueprint in blueprints if blueprint.arms[0].settings.placement == wanted)
    placement = next(equal, None) or placement_of(wanted, machine.topology, 1)
    return placement.cpus["client"]
