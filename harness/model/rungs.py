"""Rungs as data: each adds one kernel mechanism on the way from a bare process to a container."""

from dataclasses import dataclass
from typing import Literal

# Network namespaces on the path of a connection: of the connecting side, of the machine between, of the listening side.
Place = Literal["near", "middle", "far"]
PLACES: tuple[Place, ...] = ("near", "middle", "far")

# These addresses are visible only inside these namespaces.
LOOPBACK = "127.0.0.1"
SUBNET, GATEWAY, NEAR, FAR = "10.213.0.0/24", "10.213.0.1", "10.213.0.2", "10.213.0.3"


@dataclass(frozen=True, slots=True)
class Pair:
    """A veth pair."""

    place: Place
    name: str
    peer_place: Place
    peer: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge between the links `ports` of its namespace."""

    place: Place
    name: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a link, in SUBNET."""

    place: Place
    link: str
    address: str


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a file below /proc/sys. `optional`: skipped if the kernel has no such file."""

    place: Place
    path: str
    text: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Tracked:
    """A packet filter at `hooks` that matches connection states, so that the kernel tracks connections."""

    place: Place
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """NAT of connections to the ports of `address` to those of `to`, with masquerading."""

    place: Place
    address: str
    to: str


@dataclass(frozen=True, slots=True)
class Untranslated:
    """Packets from `link` are not translated."""

    place: Place
    link: str


@dataclass(frozen=True, slots=True)
class Relayed:
    """A process that listens on the ports of `address`, and connects to those of `to`."""

    place: Place
    address: str
    to: str


Step = Pair | Bridge | Address | Value | Tracked | Published | Untranslated | Relayed


@dataclass(frozen=True, slots=True)
class NetworkRung:
    """The network path of a connection. `below` is the rung that it extends and is compared with; "" for none.

    It has everything of the rungs below it, and adds namespaces (`places`) and steps (`adds`). `links`, if given,
    replace the links below; so do `listens`, the address to listen on, and `asked`, the address to connect to.
    `stands_for` is its counterpart in containers.
    """

    below: str
    stands_for: str
    places: tuple[Place, ...] = ()
    links: tuple[Step, ...] = ()
    adds: tuple[Step, ...] = ()
    listens: str = ""
    asked: str = ""


Namespace = Literal["user", "mount", "pid", "uts", "ipc", "cgroup"]


@dataclass(frozen=True, slots=True)
class SandboxRung:
    """A part of the sandbox of servers, independent of their network; several rungs add up.

    `stands_for` is its counterpart in container tools. `filtered` means no_new_privs and a seccomp filter. A pid
    namespace includes its own /proc.
    """

    stands_for: str
    cgroup: bool = False
    namespaces: tuple[Namespace, ...] = ()
    overlay: bool = False
    filtered: bool = False
    no_store_bypass: bool = False
