"""The context of a session that doubts look at: processes by role, their CPUs, their files, the host."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.evidence.service import service_pids
from harness.experiment.sharing import services_of
from harness.lab.blueprint import Blueprint
from harness.lab.family import Family
from harness.lab.kernel.commands import SYSCTLS
from harness.lab.kernelfiles import HERE, Roots
from harness.lab.network.netns import HOST, Network
from harness.lab.placement import Placement
from harness.lab.stack import Stack
from harness.model import Experiment
from harness.model.knobs import FileText


@dataclass(frozen=True, slots=True)
class Crew:
    """The processes of one stack and the client, by role, with their placement and the children of server roles."""

    pids: Mapping[str, tuple[int, ...]]
    placement: Placement
    families: Mapping[str, Family] = field(default_factory=dict)

    def pids_of(self, role: str, proc: Path) -> tuple[int, ...]:
        """Return all processes of `role` that serve requests, including those that workers have started."""
        family = self.families.get(role)
        return (*self.pids[role], *(family.others(proc) if family else ()))


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a server, and the names of the arms of its stack."""

    arms: str
    server: str
    path: Path


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a session's doubts are derived from.

    `host` is host.json at the start of the run; `knobs` are settings that the run itself changes. `requests` counts
    those sent so far, including settling ones. `services` are the known processes behind urls. `changes` are sentences
    on changes of the machine since the first session of a resumed run.
    """

    crews: tuple[Crew, ...] = ()
    nginx_logs: tuple[Path, ...] = ()
    logs: tuple[Log, ...] = ()
    socket_directories: tuple[Path, ...] = ()
    host: Mapping[str, Any] = field(default_factory=dict)
    knobs: frozenset[str] = frozenset()
    bare: bool = True  # no container networking is expected
    networks: tuple[Network, ...] = (HOST,)  # those with servers
    services: frozenset[int] = frozenset()
    requests: int = 0
    changes: tuple[str, ...] = ()
    roots: Roots = HERE


def scene_of(
    stacks: Sequence[Stack],
    experiment: Experiment,
    host: Mapping[str, Any],
    families: Sequence[Mapping[str, Family]] = (),
) -> Scene:
    """Return the context of `stacks` with their `families`, in the same order; by default those of the start."""
    blueprints = [stack.blueprint for stack in stacks]
    networks = tuple(dict.fromkeys(network for stack in stacks for network in stack.network.every)) or (HOST,)
    hops = [hop for blueprint in blueprints for hop in blueprint.hops.values()]
    return Scene(
        crews=tuple(
            Crew({"client": (os.getpid(),), **stack.pids}, stack.blueprint.placement, by_role)
            for stack, by_role in zip(stacks, families or [stack.families for stack in stacks], strict=True)
        ),
        logs=tuple(log for stack in stacks for log in _server_logs(stack)),
        nginx_logs=tuple(stack.nginx.service.log for stack in stacks),
        socket_directories=tuple(hop.directory for hop in hops if hop.directory),
        host=host,
        knobs=frozenset(name for arm in experiment.arms for name in arm.settings.knobs) | _sysctls_of_knobs(blueprints),
        bare=all(arm.settings.network == "host" for arm in experiment.arms) and networks == (HOST,),
        networks=networks,
        services=frozenset[int]().union(*(service_pids(arm.settings) for arm in services_of(experiment))),
    )


def _server_logs(stack: Stack) -> Iterator[Log]:
    arms = ", ".join(arm.name for arm in stack.blueprint.arms)
    for running in (stack.app, stack.nginx):
        yield Log(arms, running.service.name, running.service.log)


def _sysctls_of_knobs(blueprints: Sequence[Blueprint]) -> frozenset[str]:
    """Return the sysctls that knobs with other names change."""
    settings = (setting for blueprint in blueprints for setting in blueprint.kernel.settings)
    changes = (change for setting in settings for change in setting.changes)
    files = (change.path for change in changes if isinstance(change, FileText))
    return frozenset(path.removeprefix(SYSCTLS).replace("/", ".") for path in files if path.startswith(SYSCTLS))
