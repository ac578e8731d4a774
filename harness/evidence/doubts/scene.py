"""What there is to watch while requests are sent: whose processes, on which CPUs, with which files."""

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
    """The processes of one stack, and the client, by role; where they belong, and what the servers' roles start."""

    pids: Mapping[str, tuple[int, ...]]
    placement: Placement
    families: Mapping[str, Family] = field(default_factory=dict)

    def pids_of(self, role: str, proc: Path) -> tuple[int, ...]:
        """All processes of `role` that serve requests, also those that workers have started."""
        family = self.families.get(role)
        return (*self.pids[role], *(family.others(proc) if family else ()))


@dataclass(frozen=True, slots=True)
class Log:
    """Where a server of a stack logs, and the arms of that stack."""

    arms: str
    server: str
    path: Path


@dataclass(frozen=True, slots=True)
class Scene:
    """`host` is host.json as the run began; a setting of `knobs` is the run's own to change.

    `requests` are those sent so far, settling ones too; `bare` means that nothing of a container is wanted here.
    `services` are the known processes behind urls: not ours, and yet no strangers. `changes` are sentences on what has
    changed on the machine between the first session and this one, of a resumed run.
    """

    crews: tuple[Crew, ...] = ()
    nginx_logs: tuple[Path, ...] = ()
    logs: tuple[Log, ...] = ()
    socket_directories: tuple[Path, ...] = ()
    host: Mapping[str, Any] = field(default_factory=dict)
    knobs: frozenset[str] = frozenset()
    bare: bool = True
    networks: tuple[Network, ...] = (HOST,)  # in which there are servers
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
    """The scene of `stacks` with their `families`, in the same order; without, the families as the stacks came up."""
    blueprints = [stack.blueprint for stack in stacks]
    networks = tuple(dict.fromkeys(network for stack in stacks for network in stack.network.every)) or (HOST,)
    hops = [hop for blueprint in blueprints for hop in blueprint.hops.values()]
    return Scene(
        crews=tuple(
            Crew({"client": (os.getpid(),), **stack.pids}, stack.blueprint.placement, own)
            for stack, own in zip(stacks, families or [stack.families for stack in stacks], strict=True)
        ),
        logs=tuple(log for stack in stacks for log in _logs(stack)),
        nginx_logs=tuple(stack.nginx.service.log for stack in stacks),
        socket_directories=tuple(hop.directory for hop in hops if hop.directory),
        host=host,
        knobs=frozenset(name for arm in experiment.arms for name in arm.settings.knobs) | _turned(blueprints),
        bare=all(arm.settings.network == "host" for arm in experiment.arms) and networks == (HOST,),
        networks=networks,
        services=frozenset[int]().union(*(service_pids(arm.settings) for arm in services_of(experiment))),
    )


def _logs(stack: Stack) -> Iterator[Log]:
    arms = ", ".join(arm.name for arm in stack.blueprint.arms)
    for running in (stack.app, stack.nginx):
        yield Log(arms, running.service.name, running.service.log)


def _turned(blueprints: Sequence[Blueprint]) -> frozenset[str]:
    """The sysctls that knobs of other names change."""
    changes = (change for one in blueprints for setting in one.kernel.settings for change in setting.changes)
    files = (change.path for change in changes if isinstance(change, FileText))
    return frozenset(path.removeprefix(SYSCTLS).replace("/", ".") for path in files if path.startswith(SYSCTLS))
