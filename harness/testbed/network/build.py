"""Builds the network path of a stack: each step as operations, which are performed, or shown as commands."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, assert_never

from harness import plugins
from harness.errors import MachineError
from harness.experiment.transports import HOST_NETWORK as HOST_RUNG
from harness.experiment.transports import rungs_below
from harness.model import Settings
from harness.model.plugins import (
    LOOPBACK,
    NAMESPACE_PLACES,
    SUBNET,
    Bridge,
    ConntrackFilter,
    LinkAddress,
    NamespacePlace,
    NatBypass,
    NetworkRung,
    NetworkStep,
    PortMapping,
    PortRelay,
    SysctlValue,
    VethPair,
)
from harness.testbed.network.namespace import NetworkNamespace, open_routing
from harness.testbed.network.nft import rules_of

# What a kernel must have for a step.
NEEDS: Mapping[type[NetworkStep], str] = {
    VethPair: "virtual links (veth)",
    Bridge: "bridges",
    LinkAddress: "addresses",
    SysctlValue: "this value in each network (bridge-nf: modprobe br_netfilter, Linux 5.3 or later)",
    ConntrackFilter: "nf_tables with connection tracking",
    PortMapping: "nf_tables with address translation",
    NatBypass: "nf_tables with address translation",
}
PREFIX_BITS = ipaddress.ip_network(SUBNET).prefixlen
NO_ADDRESSES = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]}  # linux/if_link.h: NONE
NAMESPACE_COMMANDS = (
    "ip netns add {}",
    "ip -n {} link set lo up",
    "sysctl -a 2>/dev/null | grep '^net[.]' | ip netns exec {} sysctl -e -q -p - >/dev/null 2>&1 || true",
)

Networks = Mapping[NamespacePlace, NetworkNamespace]
NamespaceNames = Mapping[NamespacePlace, str]  # as `ip netns` has them
# Where the client and the app are, where nginx's listening sockets are, and where it connects from.
ConnectionEnd = Literal["client", "listen", "nginx", "app"]


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """What lies between the two ends of the connection `leg`: nginx to the app ("hop"), or client to nginx ("front").

    The server listens on `listen_host`, its peer connects to `connect_host`. Without `places`, both are in the present
    network. nginx listens on `front_host` where the path is not that of its client.
    """

    rung: str = HOST_RUNG
    leg: Literal["hop", "front"] = "hop"
    places: tuple[NamespacePlace, ...] = ()
    steps: tuple[NetworkStep, ...] = ()
    listen_host: str = LOOPBACK
    connect_host: str = LOOPBACK
    front_host: str = LOOPBACK

    def on(self, leg: Literal["hop", "front"]) -> "NetworkPath":
        """Return the path of the connection `leg`: the host's where this path is of the other connection."""
        if self.leg == leg:
            return self
        host = self.front_host if leg == "front" else LOOPBACK
        return replace(HOST_PATH, listen_host=host, connect_host=host)

    def place_of(self, end: ConnectionEnd) -> NamespacePlace | None:
        """Return where an end of a connection is; None: this path does not move it."""
        if not self.places:
            return None
        far: NamespacePlace = "far" if "far" in self.places else "near"  # on lo both ends are in one network
        ends: dict[ConnectionEnd, NamespacePlace]
        ends = {"nginx": "near", "app": far} if self.leg == "hop" else {"client": "near", "listen": far}
        return ends.get(end)

    @property
    def relay(self) -> PortRelay | None:
        """The relay process on the path, or None."""
        return next((step for step in self.steps if isinstance(step, PortRelay)), None)


HOST_PATH = NetworkPath()


@dataclass(frozen=True, slots=True)
class NetworkOperation:
    """A change of the network of `place`: its shell commands, and what makes it there, which raises OSError.

    `new_in`: the command ends with the namespace of that place.
    """

    place: NamespacePlace
    commands: tuple[str, ...]
    perform: Callable[[Networks], None]
    new_in: NamespacePlace | None = None

    def shell_lines(self, names: NamespaceNames) -> Iterator[str]:
        """Yield the commands for a shell outside the namespace."""
        end = f" {names[self.new_in]}" if self.new_in else ""
        for command in self.commands:
            program, _, arguments = command.partition(" ")
            inside = f"ip -n {names[self.place]} {arguments}" if program == "ip" else ""
            yield (inside or f"{namespace_prefix(names[self.place])} {command}") + end


def namespace_prefix(name: str) -> str:
    """Return the prefix of a command that runs in a namespace."""
    return f"ip netns exec {name}"


def build_path(network_path: NetworkPath, networks: Networks, ports: Sequence[int]) -> None:
    """Build the path in `networks`; its far end listens on `ports`. Raises MachineError where the kernel refuses."""
    for step in network_path.steps:
        for operation in operations_of(step, ports):
            try:
                with networks[operation.place].enter():
                    operation.perform(networks)
            except OSError as error:
                name = step.path.replace("/", ".") if isinstance(step, SysctlValue) else type(step).__name__.lower()
                raise MachineError(
                    f"network = {network_path.rung!r} is not available here: {name}: {error.strerror}. "
                    f"Use a kernel that has {NEEDS[type(step)]}, or leave the rung out."
                ) from None


def building_commands(network_path: NetworkPath, names: NamespaceNames, ports: Sequence[int]) -> list[str]:
    """Return commands that make the namespaces, with the host's values, and all that lies between them."""
    namespaces = [line.format(name) for name in names.values() for line in NAMESPACE_COMMANDS]
    operations = (operation for step in network_path.steps for operation in operations_of(step, ports))
    return [*namespaces, *(line for operation in operations for line in operation.shell_lines(names))]


def operations_of(step: NetworkStep, ports: Sequence[int]) -> Iterator[NetworkOperation]:
    """Yield the operations of a step, where the far end listens on `ports`."""
    match step:
        case VethPair():
            yield from _veth_operations(step)
        case Bridge():
            yield from _bridge_operations(step)
        case LinkAddress():
            command = f"ip addr add {step.address}/{PREFIX_BITS} dev {step.link}"
            yield NetworkOperation(step.place, (command,), lambda _: _add_address(step))
        case SysctlValue():
            ignored = " 2>/dev/null || true" if step.optional else ""
            command = f"sysctl -q -w {step.path.replace('/', '.')}={step.text}{ignored}"
            yield NetworkOperation(step.place, (command,), lambda _: _write_value(step))
        case ConntrackFilter() | PortMapping() | NatBypass():
            rules = rules_of(step, ports)
            yield NetworkOperation(step.place, tuple(rules.commands()), lambda _: rules.add())
        case PortRelay():
            pass  # a process, started with the servers
        case _:
            assert_never(step)


def _veth_operations(pair: VethPair) -> Iterator[NetworkOperation]:
    def add(networks: Networks) -> None:
        peer = {"ifname": pair.peer, "net_ns_fd": networks[pair.peer_place].descriptor}
        with open_routing() as ip:
            ip.link("add", ifname=pair.name, kind="veth", peer=peer)

    command = f"ip link add {pair.name} type veth peer name {pair.peer} netns"
    yield NetworkOperation(pair.place, (command,), add, new_in=pair.peer_place)
    yield _up_operation(pair.place, pair.name)
    yield _up_operation(pair.peer_place, pair.peer)


def _bridge_operations(bridge: Bridge) -> Iterator[NetworkOperation]:
    def add(_: Networks) -> None:
        with open_routing() as ip:
            ip.link("add", ifname=bridge.name, kind="bridge")
            for port in bridge.ports:
                ip.link("set", index=_index(ip, port), master=_index(ip, bridge.name))

    ports = (f"ip link set {port} master {bridge.name}" for port in bridge.ports)
    yield NetworkOperation(bridge.place, (f"ip link add {bridge.name} type bridge", *ports), add)
    yield _up_operation(bridge.place, bridge.name)


def _up_operation(place: NamespacePlace, link: str) -> NetworkOperation:
    """Return what sets a link up without an IPv6 address, for which the kernel would send packets at any time."""

    def bring_up(_: Networks) -> None:
        with open_routing() as ip:
            ip.link("set", index=_index(ip, link), IFLA_AF_SPEC=NO_ADDRESSES)
            ip.link("set", index=_index(ip, link), state="up")

    return NetworkOperation(place, (f"ip link set {link} addrgenmode none", f"ip link set {link} up"), bring_up)


def _add_address(address: LinkAddress) -> None:
    with open_routing() as ip:
        ip.addr("add", index=_index(ip, address.link), address=address.address, prefixlen=PREFIX_BITS)


def _index(ip: Any, link: str) -> int:
    return int(ip.link_lookup(ifname=link)[0])


def _write_value(value: SysctlValue) -> None:
    """Write a value. Raises OSError also where another value is read back."""
    path = Path("/proc/sys", value.path)
    if value.optional and not path.exists():
        return
    path.write_text(value.text)
    result = path.read_text().strip()
    if result != value.text:
        raise OSError(0, f"the kernel changes it to {result}")


def network_path_of(settings: Settings, front_host: str = LOOPBACK) -> NetworkPath:
    """Return the network path of an arm, whose nginx listens on `front_host` unless the path is that of its client."""
    names = [*reversed(rungs_below(settings.network)), settings.network]
    rungs = [plugins.load(NetworkRung, name) for name in names]
    links = next((rung.links for rung in reversed(rungs) if rung.links), ())
    # A kernel that lacks a value misses it on the rung that adds it, and not on those above.
    below = (
        replace(step, optional=True) if isinstance(step, SysctlValue) else step
        for rung in rungs[:-1]
        for step in rung.adds
    )
    return NetworkPath(
        rung=settings.network,
        leg=settings.network_leg,
        places=tuple(place for place in NAMESPACE_PLACES if any(place in rung.places for rung in rungs)),
        steps=(*links, *below, *rungs[-1].adds),
        listen_host=next(rung.listen_address for rung in reversed(rungs) if rung.listen_address),
        connect_host=next(rung.connect_address for rung in reversed(rungs) if rung.connect_address),
        front_host=front_host,
    )
