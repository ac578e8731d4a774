"""Resolve the target of each arm: a stack that this run started, or a service that was already running."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.evidence.answers import answer_proof
from harness.evidence.cpu_time import cpu_reader
from harness.evidence.service import service_cpu, service_pids
from harness.lab.blueprint import Machine
from harness.lab.kernel.settings import UNCHANGED, Kernel
from harness.lab.network.netns import HOST, Network
from harness.lab.placement import Cpus, place
from harness.lab.stack import Stack
from harness.load.reach import reached
from harness.load.visits import CpuReader
from harness.model import SERVICE, Arm, Experiment, Reply, Target


@dataclass(frozen=True, slots=True)
class Served:
    """The target of an arm, the reply that proved it ready, and its processes.

    `pids` are the processes whose counters may be read, by role. `network` is the client's; `networks` are all networks
    that a request crosses, if there is more than one.
    """

    target: Target
    reply: Reply
    client_cpus: Cpus
    cpu: CpuReader
    pids: Mapping[str, tuple[int, ...]]
    kernel: Kernel = UNCHANGED
    network: Network = HOST
    networks: tuple[Network, ...] = ()


def served(experiment: Experiment, stacks: Sequence[Stack], machine: Machine) -> dict[str, Served]:
    """Return the target of each arm, by name. Raises LoadError or ConfigError if a service does not answer."""
    of_stacks = {arm.name: stack for stack in stacks for arm in stack.blueprint.arms}
    return {
        arm.name: _by_stack(arm, of_stacks[arm.name]) if arm.name in of_stacks else _by_service(arm, stacks, machine)
        for arm in experiment.arms
    }


def service_proof(arm: Arm, served: Served) -> dict[str, object]:
    """Return the proof of a service: its address, its answer, and the pids that the experiment names."""
    return {
        "url": arm.settings.url,
        "address": served.target.address,
        **answer_proof(served.reply),
        "pids": {SERVICE: sorted(service_pids(arm.settings))},
    }


def _by_stack(arm: Arm, stack: Stack) -> Served:
    pids = stack.pids_of(arm.name)
    return Served(
        target=stack.blueprint.targets[arm.name],
        reply=stack.replies[arm.name],
        client_cpus=stack.blueprint.placement.cpus["client"],
        cpu=cpu_reader(pids),
        pids=pids,
        kernel=stack.blueprint.kernel,
        network=stack.network.client,
        networks=stack.network.every if stack.network.places else (),
    )


def _by_service(arm: Arm, stacks: Sequence[Stack], machine: Machine) -> Served:
    target, reply = reached(arm)
    cpus = _client_cpus(arm, stacks, machine)
    return Served(target=target, reply=reply, client_cpus=cpus, cpu=service_cpu(arm), pids={})


def _client_cpus(arm: Arm, stacks: Sequence[Stack], machine: Machine) -> Cpus:
    """Return the client CPUs of a stack with the same placement, so that arms do not differ in the client's CPUs."""
    wanted = arm.settings.placement
    blueprints = [stack.blueprint for stack in stacks]
    equal = (blueprint.placement for blueprint in blueprints if blueprint.arms[0].settings.placement == wanted)
    placement = next(equal, None) or place(wanted, machine.topology, 1)
    return placement.cpus["client"]
