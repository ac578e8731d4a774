"""What a rung is: one kernel mechanism more on the way from bare process to container, as data."""

from dataclasses import dataclass
from typing import Literal

# Network namespaces on the way of a connection: of who connects, of the machine in between, of who is connected to.
Place = Literal["near", "middle", "far"]
PLACES: tuple[Place, ...] = ("near", "middle", "far")

# Nobody outside of these namespaces ever sees these addresses.
LOOPBACK = "127.0.0.1"
SUBNET, GATEWAY, NEAR, FAR = "10.213.0.0/24", "10.213.0.1", "10.213.0.2", "10.213.0.3"


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of virtual links: what goes into one comes out of the other."""

    place: Place
    name: str
    peer_place: Place
    peer: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge between the links `ports` of its place."""

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
    """A file below /proc/sys. `optional`: a kernel that has no such file does without."""

    place: Place
    path: str
    text: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Tracked:
    """A packet filter at `hooks` that asks for the state of every connection, which makes the kernel track them."""

    place: Place
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """Connections to the ports of `address` are translated to those of `to`, and masqueraded on the way there."""

    place: Place
    address: str
    to: str


@dataclass(frozen=True, slots=True)
class Untranslated:
    """What comes in by `link` is not translated."""

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
    """What lies on the way of a connection. `below` is the rung that it stands on and is compared with; "" for none.

    It has all that the rungs below it have, and adds namespaces (`places`) and `adds`. Where `links` are given, they
    join the namespaces instead of those below; and so with the addresses that the connection's end `listens` on, and
    that is `asked` for it. `stands_for` says where containers have it.
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
    """What servers run under, beside whatever network they have; several together ask for all that each asks for.

    `stands_for` is it in the words of container tools. `by_hand` are commands that show it to anyone, with COMMAND in
    the server's place. `filtered` stands for no_new_privs and a filter of system calls. A pid namespace comes with a
    /proc of its own.
    """

    stands_for: str
    cgroup: bool = False
    namespaces: tuple[Namespace, ...] = ()
    overlay: bool = False
    filtered: bool = False
    no_store_bypass: bool = False
