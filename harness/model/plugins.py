"""Plug-ins as values: transports, knobs, and the rungs of the ladder."""

import re
from collections.abc import Callable
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
SandboxPart = Namespace | Literal["control group", "socket group", "overlay", "seccomp filter", "no store bypass"]


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport of the hop."""

    family: TransportFamily
    label: str  # in reports
    address_kind: AddressKind  # what it listens on: a port, or a socket in a private directory of that kind
    host: str = LOOPBACK  # of its ports on the loopback interface, like 127.0.0.2 or [::1]; other rungs have their own
    in_sockmap: bool = False  # whether BPF hands its messages from socket to socket; its servers serve nothing else
    parent: str = ""  # the directory that holds its private directories; "": any of that kind that is usable
    needs: str = ""  # with `advice`, completes the message where a machine has no such directory, host or protocol
    advice: str = ""
    socket_protocol: int = 0  # of both sockets, as in socket(2); 0: the usual one, that any server and client have
    preload: str = ""  # the library by which nginx makes such sockets, as a pattern below a directory of libraries
    preload_advice: str = ""  # where a machine has no such library
    connection_counters: tuple[str, ...] = ()  # all of them count every connection, and none that fell back

    def uri(self, address: str) -> str:
        """Return `address` as gunicorn's --bind, nginx's `server` and $upstream_addr have it."""
        return address if self.family == "tcp" else f"unix:{address}"


@dataclass(frozen=True, slots=True)
class NetworkRung:
    """The network path of a connection. It has everything of the rungs below it, and adds namespaces and steps."""

    help: str
    below: str  # the rung that it extends and is compared with; "" for none
    stands_for: str  # its counterpart in containers
    places: tuple[NamespacePlace, ...] = ()  # namespaces that it adds
    links: tuple[NetworkStep, ...] = ()  # if given, they replace the links below; so do the addresses
    adds: tuple[NetworkStep, ...] = ()
    listen_address: str = ""
    connect_address: str = ""


@dataclass(frozen=True, slots=True)
class SandboxRung:
    """Parts of the sandbox of servers, independent of their network; several rungs add up."""

    help: str
    stands_for: str  # its counterpart in container tools
    parts: tuple[SandboxPart, ...]  # a seccomp filter comes with no_new_privs, a pid namespace with its own /proc


# network: a network namespace; device: its loopback interface; process: the servers' own; global: this machine.
KnobScope = Literal["network", "device", "process", "global", "boot"]
AffectedTraffic = Literal["tcp", "both"]
KnobValue = int | str
ValueForm = Literal["words", "choice", "mask", "cpus"]  # of a value in a file: "a b", "a [b] c", "0000,000f", "0-3"

UNIX_SOCKET_SYSCTLS = ("net.core.somaxconn", "net.core.wmem", "net.core.rmem", "net.unix.")
CPU_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
MAX_CPU = 8191  # the last CPU that a kernel can support
NETWORK_SCOPES: tuple[KnobScope, ...] = ("network", "device")


@dataclass(frozen=True, slots=True)
class FileText:
    """A file of /proc or /sys with the value `text` in the kernel's `form`."""

    path: str  # or a pattern for many files
    text: str
    form: ValueForm = "words"
    choices: str = ""  # file next to it that lists the possible values
    refusable: bool = False  # files that reject it are skipped


@dataclass(frozen=True, slots=True)
class FirstExistingFile:
    """The first of these files that exists: drivers differ in names."""

    files: tuple[FileText, ...]


@dataclass(frozen=True, slots=True)
class LoAttribute:
    """An attribute of the loopback interface, by its name in ip-link(8)."""

    name: Literal["mtu", "gso_max_size"]
    value: int


@dataclass(frozen=True, slots=True)
class LoRoute:
    """An option of the route to 127.0.0.0/8, by its name in ip-route(8)."""

    name: Literal["quickack", "congctl"]
    value: KnobValue


@dataclass(frozen=True, slots=True)
class ConntrackSwitch:
    """Whether a packet filter matches connection states, so that the kernel tracks connections."""

    on: bool


@dataclass(frozen=True, slots=True)
class ServerAttribute:
    """An attribute that every server process starts with."""

    name: Literal["nice", "scheduling", "timer_slack_ns"]
    value: KnobValue


@dataclass(frozen=True, slots=True)
class HeldOpenFile:
    """A file that keeps `number` while it is open (Documentation/power/pm_qos_interface.rst)."""

    path: str
    number: int


KernelChange = FileText | FirstExistingFile | LoAttribute | LoRoute | ConntrackSwitch | ServerAttribute | HeldOpenFile


@dataclass(frozen=True, slots=True)
class Knob:
    """A kernel setting."""

    help: str
    scope: KnobScope
    problem: Callable[[KnobValue], str | None]  # returns why a value is invalid, or None
    changes: Callable[[KnobValue], tuple[KernelChange, ...]] = lambda _: ()  # returns the changes that a value makes
    touches: AffectedTraffic = "both"  # "tcp": every TCP connection, including the client's
    boot_parameter: str = ""  # of the kernel's command line, for a knob that cannot be changed at run time


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the CPUs of a kernel list: "0-2,8" is (0, 1, 2, 8). Raise ValueError."""
    bounds = [CPU_RANGE.fullmatch(part) for part in text.split(",")]
    ranges = [range(int(match[1]), int(match[2] or match[1]) + 1) for match in bounds if match]
    if len(ranges) < len(bounds) or not all(ranges) or any(numbers[-1] > MAX_CPU for numbers in ranges):
        raise ValueError(text)
    return tuple(sorted({number for numbers in ranges for number in numbers}))


def sysctl_traffic(name: str) -> AffectedTraffic:
    """Return the traffic that a sysctl can affect, by its name."""
    return "tcp" if name.startswith("net.") and not name.startswith(UNIX_SOCKET_SYSCTLS) else "both"
