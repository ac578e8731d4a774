"""Everything about a stack, decided before anything starts: who runs where, who listens on what, which files say so."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import plugins
from harness.errors import MachineError
from harness.experiment.sharing import stacks_of
from harness.lab.certificate import Certificate, certificate_paths
from harness.lab.directories import disk_parent, private_name, socket_problem, tmpfs_parent
from harness.lab.gunicorn import UNWANTED, gunicorn_argv
from harness.lab.kernelfiles import format_cpus
from harness.lab.nginx import Site, nginx_argv, nginx_conf, worker_user
from harness.lab.placement import Placement, place
from harness.lab.ports import free_ports
from harness.lab.programs import find_nginx, find_python, gunicorn_version
from harness.lab.topology import Topology, read_topology
from harness.model import Arm, Experiment, Home, Settings, Target, Transport

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Machine:
    """What every stack on this machine is built from."""

    topology: Topology
    parents: dict[Home, Path | None]  # where private directories may be made, by kind of file system


@dataclass(frozen=True, slots=True)
class Hop:
    """A transport at its address in one stack."""

    transport: Transport
    address: str
    directory: Path | None


@dataclass(frozen=True, slots=True)
class Blueprint:
    directory: Path  # for nginx.conf, command lines and logs
    arms: tuple[Arm, ...]
    placement: Placement
    hops: dict[str, Hop]  # by transport
    targets: dict[str, Target]  # by arm
    private: tuple[Path, ...]  # directories that live as long as the stack
    certificate: Certificate | None
    nginx_conf: str
    nginx_argv: tuple[str, ...]
    gunicorn_argv: tuple[str, ...]

    def server(self, arm: str) -> str:
        """What nginx calls the upstream of `arm`."""
        settings = next(each.settings for each in self.arms if each.name == arm)
        hop = self.hops[settings.transport]
        return hop.transport.server(hop.address)


def survey(results: Path) -> Machine:
    disk = disk_parent(results)
    tmpfs = tmpfs_parent()
    return Machine(topology=read_topology(), parents={"tmpfs": tmpfs, "directory": disk})


def blueprints_of(experiment: Experiment, directory: Path, machine: Machine) -> list[Blueprint]:
    """The stacks of one session: their files go to `directory`, or where there are several, to one each in it."""
    groups, ports = stacks_of(experiment), free_ports()
    if len(groups) == 1:
        return [blueprint_of(groups[0], directory, machine, ports)]
    return [blueprint_of(arms, directory / str(number), machine, ports) for number, arms in enumerate(groups, start=1)]


def blueprint_of(arms: Sequence[Arm], directory: Path, machine: Machine, ports: Iterator[int]) -> Blueprint:
    """The stack that serves `arms`, which agree in all settings of processes. Raises MachineError."""
    settings = arms[0].settings
    nginx = find_nginx(settings.nginx)
    python = find_python(settings.python, settings.worker_class)
    scratch = _scratch_parent(machine) / private_name()
    hops = {name: _hop(name, machine, ports) for name in dict.fromkeys(arm.settings.transport for arm in arms)}
    certificate = certificate_paths(directory) if any(arm.settings.tls for arm in arms) else None
    targets = dict(zip((arm.name for arm in arms), _targets(arms, certificate, ports), strict=True))
    sites = [_site(number, arm, targets[arm.name], hops) for number, arm in enumerate(arms)]
    binds = [hop.transport.bind(hop.address) for hop in hops.values()]
    return Blueprint(
        directory=directory,
        arms=tuple(arms),
        placement=place(settings.placement, machine.topology, settings.workers),
        hops=hops,
        targets=targets,
        private=(scratch, *(hop.directory for hop in hops.values() if hop.directory)),
        certificate=certificate,
        nginx_conf=nginx_conf(nginx, sites, scratch, worker_user()),
        nginx_argv=nginx_argv(nginx, directory / "nginx.conf", scratch),
        gunicorn_argv=gunicorn_argv(python, gunicorn_version(python), settings, binds, scratch),
    )


def stack_problems(arms: Sequence[Arm], machine: Machine) -> Iterator[str]:
    """Why a stack for `arms` cannot be had on this machine; nothing is started."""
    settings = arms[0].settings
    transports = dict.fromkeys(arm.settings.transport for arm in arms)
    checks: list[Callable[[], object]] = [
        partial(find_nginx, settings.nginx),
        partial(find_python, settings.python, settings.worker_class),
        partial(place, settings.placement, machine.topology, settings.workers),
        partial(_scratch_parent, machine),
        *(partial(_hop, transport, machine, free_ports()) for transport in transports),
        partial(_check_tls, settings, arms),
    ]
    for check in checks:
        try:
            check()
        except MachineError as error:
            yield str(error)


def described(blueprint: Blueprint, arm: str) -> dict[str, str]:
    """What serves `arm`, in words and in full, by what it is."""
    cpus = "\n".join(f"{role}: {format_cpus(cpus)}" for role, cpus in blueprint.placement.cpus.items())
    return {
        "who asks whom": f"{blueprint.targets[arm].url} -> {blueprint.server(arm)}",
        "CPUs": f"{cpus}\n{blueprint.placement.reason}",
        "kernel settings": "none are changed",
        "nginx": shlex.join(blueprint.nginx_argv),
        "nginx.conf": blueprint.nginx_conf,
        "gunicorn": shlex.join(blueprint.gunicorn_argv),
    }


def start_script(blueprint: Blueprint) -> str:
    """A shell script that brings the same stack up by hand."""
    cpus = {role: format_cpus(blueprint.placement.cpus[role]) for role in ("nginx", "app")}
    private = shlex.join(map(str, blueprint.private))
    lines = [
        "#!/bin/sh",
        "# Brings this stack up by hand, as barehop did. Ctrl-C ends it.",
        "set -e",
        f"cd {shlex.quote(str(blueprint.directory))}",
        f"unset {' '.join(UNWANTED)}",
        f"mkdir -m 700 {private}",
        f"end() {{ kill $app $nginx 2>/dev/null || true; wait; rm -r {private}; }}",
        "trap end EXIT",
        "trap 'exit 130' INT TERM",
        f"taskset -c {cpus['app']} {shlex.join(blueprint.gunicorn_argv)} &",
        "app=$!",
        f"taskset -c {cpus['nginx']} {shlex.join(blueprint.nginx_argv)} &",
        "nginx=$!",
        *(f"echo {shlex.quote(f'{arm}: {target.url}')}" for arm, target in blueprint.targets.items()),
        "wait $app",
    ]
    return "\n".join(lines) + "\n"


def _scratch_parent(machine: Machine) -> Path:
    parent = machine.parents["tmpfs"] or machine.parents["directory"]  # memory: no disk is to be heard in the numbers
    if parent is None:
        raise MachineError("There is no directory to put scratch files in. Set TMPDIR to one that you may write to.")
    return parent


def _hop(name: str, machine: Machine, ports: Iterator[int]) -> Hop:
    transport = plugins.load("harness.lab.transports", name, Transport)
    if transport.home == "port":
        return Hop(transport, f"{LOOPBACK}:{next(ports)}", None)
    parent = machine.parents[transport.home]
    if parent is None:
        kind = "on tmpfs" if transport.home == "tmpfs" else "that is not on tmpfs"
        raise MachineError(f"{name}: there is no directory {kind} that we may write to. Leave the transport out.")
    directory = parent / private_name()
    problem = socket_problem(directory / "hop.sock")
    if problem:
        raise MachineError(f"{name}: {problem} Set TMPDIR to a shorter path.")
    return Hop(transport, str(directory / "hop.sock"), directory)


def _targets(arms: Sequence[Arm], certificate: Certificate | None, ports: Iterator[int]) -> Iterator[Target]:
    for arm in arms:
        yield Target(
            host=LOOPBACK,
            port=next(ports),
            path=arm.settings.path,
            authority=certificate.authority if certificate and arm.settings.tls else None,
            keepalive=arm.settings.client_keepalive,
        )


def _site(number: int, arm: Arm, target: Target, hops: dict[str, Hop]) -> Site:
    hop = hops[arm.settings.transport]
    return Site(
        arm=arm.name,
        upstream=f"hop_{number:02}",  # all of one length: the name travels in the Host header
        server=hop.transport.server(hop.address),
        port=target.port,
        path=arm.settings.path,
        keepalive=arm.settings.upstream_keepalive,
        tls=arm.settings.tls,
    )


def _check_tls(settings: Settings, arms: Sequence[Arm]) -> None:
    if any(arm.settings.tls for arm in arms) and not find_nginx(settings.nginx).tls:
        raise MachineError(f"{settings.nginx} was built without TLS. Set tls = false, or name another nginx.")
