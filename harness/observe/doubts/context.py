"""The context of a session that doubts look at: processes by role, their CPUs, their files, the host."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.experiment.arms import services_of
from harness.model import Experiment
from harness.model.plugins import FileText
from harness.model.record import HostFacts
from harness.observe.cpu_time import service_pids
from harness.testbed.blueprint import Blueprint
from harness.testbed.kernel.actions import SYSCTL_DIRECTORY
from harness.testbed.machine.placement import Placement
from harness.testbed.machine.procfs import HOST_ROOTS, Roots
from harness.testbed.network.namespace import HOST_NETWORK, NetworkNamespace
from harness.testbed.processes.process import ProcessFamily
from harness.testbed.stack.stack import Stack


@dataclass(frozen=True, slots=True)
class StackProcesses:
    """The processes of one stack and the client, by role, with their placement and the children of server roles."""

    pids: Mapping[str, tuple[int, ...]]
    placement: Placement
    families: Mapping[str, ProcessFamily] = field(default_factory=dict)

    def pids_of(self, role: str, proc: Path) -> tuple[int, ...]:
        """Return all processes of `role` that serve requests, including those that workers have started."""
        family = self.families.get(role)
        return (*self.pids[role], *(family.other_pids(proc) if family else ()))

    def has_own_cpus(self, role: str) -> bool:
        """Return whether no other role may run on the CPUs of `role`."""
        others = (cpus for other, cpus in self.placement.cpus.items() if other != role)
        return set(self.placement.cpus[role]).isdisjoint(cpu for cpus in others for cpu in cpus)


@dataclass(frozen=True, slots=True)
class ServerLog:
    """The log of a server, and the names of the arms of its stack."""

    arms: str
    server: str
    path: Path


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a session's doubts are derived from."""

    processes: tuple[StackProcesses, ...] = ()
    logs: tuple[ServerLog, ...] = ()
    socket_directories: tuple[Path, ...] = ()
    host: HostFacts = field(default_factory=HostFacts)  # at the start of the run
    knobs: frozenset[str] = frozenset()  # settings that the run itself changes
    bare: bool = True  # no container networking is expected
    networks: tuple[NetworkNamespace, ...] = (HOST_NETWORK,)  # those with servers
    services: frozenset[int] = frozenset()  # the known processes behind urls
    requests: int = 0  # sent so far, including settling ones
    changes: tuple[str, ...] = ()  # sentences on changes of the machine since the first session of a resumed run
    roots: Roots = HOST_ROOTS


def context_of(
    stacks: Sequence[Stack],
    experiment: Experiment,
    host: HostFacts,
    families: Sequence[Mapping[str, ProcessFamily]] = (),
) -> Context:
    """Return the context of `stacks` with their `families`, in the same order; by default those of the start."""
    blueprints = [stack.blueprint for stack in stacks]
    networks = tuple(dict.fromkeys(network for stack in stacks for network in stack.network.all_networks))
    hops = [hop for blueprint in blueprints for hop in blueprint.hops.values()]
    return Context(
        processes=tuple(
            StackProcesses({"client": (os.getpid(),), **stack.pids}, stack.blueprint.placement, by_role)
            for stack, by_role in zip(stacks, families or [stack.process_families for stack in stacks], strict=True)
        ),
        logs=tuple(dict.fromkeys(_logs_of(stacks))),
        socket_directories=tuple(hop.directory for hop in hops if hop.directory),
        host=host,
        knobs=frozenset(name for arm in experiment.arms for name in arm.settings.knobs) | _sysctls_of_knobs(blueprints),
        bare=all(arm.settings.network == "host" for arm in experiment.arms) and set(networks) <= {HOST_NETWORK},
        networks=networks or (HOST_NETWORK,),
        services=frozenset[int]().union(*(service_pids(arm.settings) for arm in services_of(experiment))),
    )


def _logs_of(stacks: Sequence[Stack]) -> Iterator[ServerLog]:
    """Yield the log of each server with the arms that it serves; stacks may share a gunicorn."""
    for stack in stacks:
        yield ServerLog(", ".join(stack.blueprint.app_arms), stack.app.command.name, stack.app_log)
        nginx = stack.nginx.command
        yield ServerLog(", ".join(arm.name for arm in stack.blueprint.arms), nginx.name, nginx.log)


def _sysctls_of_knobs(blueprints: Sequence[Blueprint]) -> frozenset[str]:
    """Return the sysctls that knobs with other names change."""
    settings = (setting for blueprint in blueprints for setting in blueprint.kernel.settings)
    changes = (change for setting in settings for change in setting.changes)
    files = (change.path for change in changes if isinstance(change, FileText))
    return frozenset(
        path.removeprefix(SYSCTL_DIRECTORY).replace("/", ".") for path in files if path.startswith(SYSCTL_DIRECTORY)
    )
