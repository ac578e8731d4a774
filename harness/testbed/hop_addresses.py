"""Chooses the addresses of a stack: ports and socket paths of the hops, and where the client of each arm connects."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from harness.errors import MachineError
from harness.experiment.transports import transports
from harness.model import DEFAULT_HOST, AddressKind, Arm, Target, Transport, request_for
from harness.model.plugins import LOOPBACK, PortRelay
from harness.testbed.machine.directories import (
    can_listen,
    disk_parent,
    named_parent,
    private_name,
    socket_problem,
    tmpfs_parent,
)
from harness.testbed.network.build import HOST_PATH, NetworkPath
from harness.testbed.network.sockmap import sockmap_problem
from harness.testbed.servers.nginx import Certificate
from harness.testbed.servers.programs import find_library
from harness.testbed.standalone import null_server as null_server
from harness.testbed.standalone import relay

NGINX_UPSTREAM = "nginx itself"
NGINX_CHAINS = ("full", "proxy-only")

ParentDirectories = Mapping[AddressKind, Path | None]  # where private directories may be made, by kind of file system


@dataclass(frozen=True, slots=True)
class Hop:
    """A transport at its address in one stack. `connect_address`: where nginx connects, if that is another address."""

    transport: Transport
    address: str
    directory: Path | None
    connect_address: str = ""

    @property
    def listening_word(self) -> str:
        """Its address for standalone/listen.py, with the protocol of the socket unless that is the usual one."""
        return f"{self.address}/{protocol}" if (protocol := self.transport.socket_protocol) else self.address

    @property
    def server(self) -> str:
        """The server's name in nginx's configuration and in $upstream_addr."""
        return self.transport.uri(self.connect_address or self.address)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one stack: hops to the application and to null servers, and the client's targets."""

    hops: dict[str, Hop]  # the application's, by transport
    null_servers: dict[str, Hop]  # of null servers in the application's place, by arm
    targets: dict[str, Target]  # by arm

    @property
    def directories(self) -> tuple[Path, ...]:
        """The directories of its Unix sockets."""
        hops = (*self.hops.values(), *self.null_servers.values())
        return tuple(hop.directory for hop in hops if hop.directory)

    def last_hop(self, arm: Arm) -> Hop:
        """Return the hop to the server that answers `arm`, where that is not nginx."""
        return self.null_servers[arm.name] if arm.name in self.null_servers else self.hops[arm.settings.transport]

    def expected_server(self, arm: Arm) -> str | None:
        """Return the upstream that nginx must name for `arm`; None where nginx takes no part."""
        if arm.settings.chain == "proxy-only":
            return NGINX_UPSTREAM
        return self.last_hop(arm).server if arm.settings.chain == "full" else None


def addresses_of(
    arms: Sequence[Arm],
    parents: ParentDirectories,
    certificate: Certificate | None,
    ports: Iterator[int],
    network_path: NetworkPath = HOST_PATH,
) -> Addresses:
    """Return addresses that are free now. Raises MachineError."""
    names = dict.fromkeys(arm.settings.transport for arm in arms)
    hops = {name: hop_of(name, parents, ports, network_path.on("hop")) for name in names}
    bare = {arm.name: hop_of(arm.settings.transport, parents, ports) for arm in arms if arm.settings.chain == "floor"}
    addresses = Addresses(hops, bare, {})
    for arm in arms:
        addresses.targets[arm.name] = _target(arm, addresses, certificate, ports, network_path.on("front").connect_host)
    return addresses


def hop_of(name: str, parents: ParentDirectories, ports: Iterator[int], network_path: NetworkPath = HOST_PATH) -> Hop:
    """Return a hop; TCP's is at the far end of the path. Raises MachineError where the transport has no place here."""
    transport = transports()[name]
    if problem := transport_problem(name, parents):
        raise MachineError(problem)
    if transport.address_kind == "port":
        port = next(port for port in ports if transport.host == LOOPBACK or can_listen(transport.host, port))
        hosts = (network_path.listen_host, network_path.connect_host)
        listen, connect = (transport.host if host == LOOPBACK else host for host in hosts)
        return Hop(transport, f"{listen}:{port}", None, f"{connect}:{port}")
    directory = cast("Path", socket_parent(transport, parents)) / private_name()
    problem = socket_problem(directory / "hop.sock")
    if problem:
        raise MachineError(f"{name}: {problem} Set TMPDIR to a shorter path.")
    return Hop(transport, str(directory / "hop.sock"), directory)


def transport_problem(name: str, parents: ParentDirectories) -> str | None:
    """Return why this machine has no place, or no map, for the sockets of transport `name`; or None."""
    transport = transports()[name]
    if transport.in_sockmap and (problem := sockmap_problem()):
        return f"{name} needs {transport.needs}: {problem}. {transport.advice}"
    is_usual = transport.host == LOOPBACK and not transport.socket_protocol
    has_host = is_usual or can_listen(transport.host, protocol=transport.socket_protocol)
    has_place = has_host if transport.address_kind == "port" else socket_parent(transport, parents)
    problems = [] if has_place else [f"{name} needs {transport.needs}, and there is none. {transport.advice}"]
    if transport.preload and not find_library(transport.preload):
        library = Path(transport.preload).stem
        problems.append(f"{name} needs {library} for nginx, and there is none. {transport.preload_advice}")
    return " ".join(problems) or None


def usual_parents(results: Path) -> ParentDirectories:
    """Return the parents of private directories on this machine; `results` is where results go."""
    return {"tmpfs": tmpfs_parent(), "directory": disk_parent(results)}


def socket_parent(transport: Transport, parents: ParentDirectories) -> Path | None:
    """Return the directory in which the sockets of a Unix transport get a private directory, or None."""
    if not transport.parent:
        return parents[transport.address_kind]
    return named_parent(transport.parent, on_tmpfs=transport.address_kind == "tmpfs")


def null_server_argv(hop: Hop) -> tuple[str, ...]:
    """Return the command line of a null server at `hop`; with -I -S Python starts at once."""
    return (sys.executable, "-I", "-S", null_server.__file__, hop.address)


def relay_argv(relayed: PortRelay, ports: Sequence[int]) -> tuple[str, ...]:
    """Return the command line of the relay for all `ports`."""
    pairs = (f"{address}:{port}" for port in ports for address in (relayed.address, relayed.to))
    return (sys.executable, "-I", "-S", relay.__file__, *pairs)


def direct_target(hop: Hop, path: str, *, keepalive: bool) -> Target:
    """Return the target of a client that connects to `hop` directly."""
    if hop.directory:
        return Target(host="localhost", port=0, path=path, keepalive=keepalive, socket=Path(hop.address))
    host, _, port = hop.address.rpartition(":")
    return Target(host=host.strip("[]"), port=int(port), path=path, keepalive=keepalive)


def _target(
    arm: Arm, addresses: Addresses, certificate: Certificate | None, ports: Iterator[int], nginx_address: str
) -> Target:
    settings = arm.settings
    if settings.chain in NGINX_CHAINS:
        authority = certificate.authority if certificate and settings.tls else None
        target = Target(nginx_address, next(ports), settings.path, authority, settings.client_keepalive)
    else:
        target = direct_target(addresses.last_hop(arm), settings.path, keepalive=settings.client_keepalive)
    return replace(target, timeout_s=settings.timeout_s, request=request_for(settings, DEFAULT_HOST))
