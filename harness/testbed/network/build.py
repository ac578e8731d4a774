"""Builds the network of a stack: namespaces, links and the path between them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, assert_never

from harness import plugins
from harness.errors import MachineError
from harness.model import Settings
from harness.model.rungs import (
    LOOPBACK,
    NAMESPACE_PLACES,
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
from harness.testbed.network.namespace import NetworkNamespace
from harness.testbed.network.netlink import add_address, add_bridge, add_pair
from harness.testbed.network.nft import add_tracking, bypass_nat, publish_ports

SYSCTL_ROOT = Path("/proc/sys")
REQUIREMENTS = {
    VethPair: "virtual links (veth)",
    Bridge: "bridges",
    LinkAddress: "addresses",
    SysctlValue: "this value in each network (bridge-nf: modprobe br_netfilter, Linux 5.3 or later)",
    ConntrackFilter: "nf_tables with connection tracking",
    PortMapping: "nf_tables with address translation",
    NatBypass: "nf_tables with address translation",
}
NETWORK_RUNGS = "harness.testbed.network.rungs"
HOST_RUNG = "host"


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """What lies between the two ends of the connection `leg`: nginx to the app ("hop"), or client to nginx ("front").

    The server listens on `listens`, its peer connects to `asked`. Without `places`, both are in the present network.
    """

    rung: str = HOST_RUNG
    leg: Literal["hop", "front"] = "hop"
    places: tuple[NamespacePlace, ...] = ()
    steps: tuple[NetworkStep, ...] = ()
    listen_host: str = LOOPBACK
    connect_host: str = LOOPBACK

    @property
    def relay(self) -> PortRelay | None:
        """The relay process on the path, or None."""
        return next((step for step in self.steps if isinstance(step, PortRelay)), None)


HOST_PATH = NetworkPath()


def build_path(
    network_path: NetworkPath, networks: Mapping[NamespacePlace, NetworkNamespace], ports: Iterable[int]
) -> None:
    """Build the path in `networks`; its far end listens on `ports`. Raises MachineError where the kernel refuses."""
    known = tuple(ports)
    for step in network_path.steps:
        try:
            with networks[step.place].enter():
                _take_step(step, networks, known)
        except OSError as error:
            raise MachineError(
                f"network = {network_path.rung!r} is not available here: {_step_name(step)}: {error.strerror}. "
                f"Use a kernel that has {REQUIREMENTS[type(step)]}, or leave the rung out."
            ) from None


def _take_step(step: NetworkStep, networks: Mapping[NamespacePlace, NetworkNamespace], ports: tuple[int, ...]) -> None:
    """Take a step in the network of its place. Raises OSError."""
    match step:
        case VethPair():
            add_pair(step, networks[step.peer_place])
        case Bridge():
            add_bridge(step)
        case LinkAddress():
            add_address(step)
        case SysctlValue():
            _write_value(step)
        case ConntrackFilter() | PortMapping() | NatBypass():
            _add_filter(step, ports)
        case PortRelay():
            pass  # a process, started with the servers
        case _:
            assert_never(step)


def _add_filter(step: ConntrackFilter | PortMapping | NatBypass, ports: tuple[int, ...]) -> None:
    match step:
        case ConntrackFilter():
            add_tracking(step.hooks)
        case PortMapping():
            publish_ports(step, ports)
        case NatBypass():
            bypass_nat(step)
        case _:
            assert_never(step)


def _write_value(value: SysctlValue) -> None:
    """Write a value. Raises OSError also where another value is read back."""
    path = SYSCTL_ROOT / value.path
    if value.optional and not path.exists():
        return
    path.write_text(value.text)
    result = path.read_text().strip()
    if result != value.text:
        raise OSError(0, f"the kernel changes it to {result}")


def _step_name(step: NetworkStep) -> str:
    return step.path.replace("/", ".") if isinstance(step, SysctlValue) else type(step).__name__.lower()


def network_path_of(settings: Settings) -> NetworkPath:
    """Return the network path of an arm."""
    rungs = list(_rungs_up_to(settings.network))
    links = next((rung.links for rung in reversed(rungs) if rung.links), ())
    below = (step for rung in rungs[:-1] for step in rung.adds)
    return NetworkPath(
        rung=settings.network,
        leg=settings.network_leg,
        places=tuple(place for place in NAMESPACE_PLACES if any(place in rung.places for rung in rungs)),
        steps=(*links, *map(_made_optional, below), *rungs[-1].adds),
        listen_host=next(rung.listen_address for rung in reversed(rungs) if rung.listen_address),
        connect_host=next(rung.connect_address for rung in reversed(rungs) if rung.connect_address),
    )


def _rungs_up_to(name: str) -> Iterator[NetworkRung]:
    """Yield the rungs below, then the rung itself."""
    rung = plugins.load(NETWORK_RUNGS, name, NetworkRung)
    if rung.below:
        yield from _rungs_up_to(rung.below)
    yield rung


def _made_optional(step: NetworkStep) -> NetworkStep:
    """Make a value optional: a kernel that lacks it misses it on the rung that adds it, and not on those above."""
    return replace(step, optional=True) if isinstance(step, SysctlValue) else step
