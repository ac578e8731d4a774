"""Plug-ins as values: transports, and the rungs of the ladder."""

from dataclasses import dataclass
from typing import Literal

from harness.model.base import AddressKind, TransportFamily

# Network namespaces on the path of a connection: of the connecting side, of the machine between, of the listening side.
NamespacePlace = Literal["near", "middle", "far"]
NAMESPACE_PLACES: tuple[NamespacePlace, ...] = ("near", "middle", "far")

# These addresses are visible only inside these namespaces.
LOOPBACK = "127.0.0.1"
SUBNET, GATEWAY, NEAR_ADDRESS, FAR_ADDRESS = "10.213.0.0/24", "10.213.0.1", "10.213.0.2", "10.213.0.3"


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge between the links `ports` of its namespace."""

    place: NamespacePlace
    name: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConntrackFilter:
    """A packet filter at `hooks` that matches connection states, so that the kernel tracks connections."""

    place: NamespacePlace
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """An address of a link, in SUBNET."""

    place: NamespacePlace
    link: str
    address: str


@dataclass(frozen=True, slots=True)
class NatBypass:
    """Packets from `link` are not translated."""

    place: NamespacePlace
    link: str


@dataclass(frozen=True, slots=True)
class PortMapping:
    """NAT of connections to the ports of `address` to those of `to`, with masquerading."""

    place: NamespacePlace
    address: str
    to: str


@dataclass(frozen=True, slots=True)
class PortRelay:
    """A process that listens on the ports of `address`, and connects to those of `to`."""

    place: NamespacePlace
    address: str
    to: str


@dataclass(frozen=True, slots=True)
class SysctlValue:
    """A value of a file below /proc/sys. `optional`: skipped if the kernel has no such file."""

    place: NamespacePlace
    path: str
    text: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class VethPair:
    """A veth pair."""

    place: NamespacePlace
    name: str
    peer_place: NamespacePlace
    peer: str


NetworkStep = VethPair | Bridge | LinkAddress | SysctlValue | ConntrackFilter | PortMapping | NatBypass | PortRelay

Namespace = Literal["user", "mount", "pid", "uts", "ipc", "cgroup"]
SandboxPart = Namespace | Literal["control group", "overlay", "seccomp filter", "no store bypass"]


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport of the hop. `label` is its name in reports.

    `address_kind` is what it listens on: a port, or a socket in a private directory of that kind. `needs` and `advice`
    complete the message where a machine has no such directory.
    """

    family: TransportFamily
    label: str
    address_kind: AddressKind
    needs: str = ""
    advice: str = ""

    def uri(self, address: str) -> str:
        """Return `address` as gunicorn's --bind, nginx's `server` and $upstream_addr have it."""
        return address if self.family == "tcp" else f"unix:{address}"


@dataclass(frozen=True, slots=True)
class NetworkRung:
    """The network path of a connection. `below` is the rung that it extends and is compared with; "" for none.

    It has everything of the rungs below it, and adds namespaces (`places`) and steps (`adds`). `links`, if given,
    replace the links below; so do `listen_address` and `connect_address`. `stands_for` is its counterpart in
    containers.
    """

    help: str
    below: str
    stands_for: str
    places: tuple[NamespacePlace, ...] = ()
    links: tuple[NetworkStep, ...] = ()
    adds: tuple[NetworkStep, ...] = ()
    listen_address: str = ""
    connect_address: str = ""


@dataclass(frozen=True, slots=True)
class SandboxRung:
    """Parts of the sandbox of servers, independent of their network; several rungs add up.

    `stands_for` is its counterpart in container tools. A seccomp filter comes with no_new_privs, a pid namespace with
    its own /proc.
    """

    help: str
    stands_for: str
    parts: tuple[SandboxPart, ...]
