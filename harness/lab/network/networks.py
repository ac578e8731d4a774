"""The networks of a stack as a context: the host's or its own, with its knobs set, and those of its network rung."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import MachineError, raise_all
from harness.lab.kernel.settings import Kernel, Setting
from harness.lab.kernel.turning import Turned, seen, turn, wanted
from harness.lab.kernelfiles import read_int
from harness.lab.network.building import build
from harness.lab.network.host_values import Values, copy_values, network_values
from harness.lab.network.loopback import attribute, bring_up
from harness.lab.network.netns import HOST, Network, own_network
from harness.lab.network.way import BARE_WAY, Way
from harness.model.knobs import OF_A_NETWORK, Change, FileText, LoAttribute
from harness.model.rungs import Place

OF_NETWORKS = ("/proc/sys/net/", "/sys/class/net/")
CONNTRACK_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
RPS = "/sys/class/net/lo/queues/rx-0/rps_cpus"


@dataclass(frozen=True, slots=True)
class StackNetwork:
    """`network` holds everything that the rung does not move; `places` are the rung's networks.

    `not_copied` are values of the host that a new network did not take, with its own ones.
    """

    network: Network = HOST
    kernel: Kernel = field(default_factory=Kernel)
    not_copied: Values = field(default_factory=dict)
    way: Way = BARE_WAY
    places: Mapping[Place, Network] = field(default_factory=dict)

    @property
    def near(self) -> Network:
        """The connecting end of the network path."""
        return self.places.get("near", self.network)

    @property
    def far(self) -> Network:
        """The listening end of the network path; on lo both ends are in one network."""
        return self.places.get("far", self.near)

    @property
    def client(self) -> Network:
        """The network of the client."""
        return self.near if self.way.leg == "front" else self.network

    @property
    def doors(self) -> Network:
        """The network of nginx's listening sockets."""
        return self.far if self.way.leg == "front" else self.network

    @property
    def nginx(self) -> Network:
        """The network of nginx's own connections."""
        return self.near if self.way.leg == "hop" else self.network

    @property
    def app(self) -> Network:
        """The network of the application."""
        return self.far if self.way.leg == "hop" else self.network

    @property
    def every(self) -> tuple[Network, ...]:
        """All networks of the stack."""
        return (self.network, *self.places.values())

    def values(self) -> Values:
        """Return the present value of each network knob by name; call it inside the network."""
        return {setting.name: value_of(setting) for setting in self.kernel.of(*OF_A_NETWORK)}


@contextmanager
def network_of(kernel: Kernel, network_path: Way = BARE_WAY, ports: Sequence[int] = ()) -> Iterator[StackNetwork]:
    """Create the networks of a stack. The far end of `network_path` listens on `ports`. Raises MachineError."""
    if not kernel.own_network and not network_path.places:
        yield StackNetwork()
        return
    host = _Host(network_values(), _lo_values(), _packet_filter())
    with ExitStack() as exit_stack:
        network, not_copied = _create_like_host(host, kernel, exit_stack) if kernel.own_network else (HOST, {})
        places: dict[Place, Network] = {}
        for place in network_path.places:
            places[place], differing = _create_like_host(host, kernel, exit_stack)
            not_copied |= differing
        build(network_path, places, ports)
        yield StackNetwork(network, kernel, not_copied, network_path, places)


@dataclass(frozen=True, slots=True)
class _Host:
    """What a new network copies."""

    sysctls: Values
    lo: Sequence[Turned]
    filtered: Values  # what it cannot copy


def _create_like_host(host: _Host, kernel: Kernel, exit_stack: ExitStack) -> tuple[Network, Values]:
    """Create a network with lo up, the host's values and the knobs set; return also what it could not copy."""
    network = exit_stack.enter_context(own_network())
    with network.entered():
        not_copied = copy_values(host.sysctls)
        bring_up()
        not_copied |= _copy_lo(host.lo)
        raise_all(filter(None, map(turned, kernel.of(*OF_A_NETWORK))), MachineError)
    return network, host.filtered | not_copied


def turned(setting: Setting) -> str | None:
    """Set the knob in this thread's network; return a sentence where the kernel does not take the value, else None."""
    for change in map(_network_change, setting.changes):
        try:
            turn(change)
            result = seen(change)
        except OSError as error:
            advice = "Run barehop as root" if isinstance(error, PermissionError) else "Give a value that it takes"
            return f"{setting}: the kernel refuses it: {error.strerror}. {advice}."
        if result != wanted(change):
            return f"{setting}: the kernel changes it to {result}. Give that or another value."
    return None


def value_of(setting: Setting) -> str:
    """Return the present value of the knob in this thread's network."""
    return " ".join(seen(_network_change(change)) for change in setting.changes)


def _network_change(change: Change) -> Turned:
    """Return `change`, which must not be a file of the whole machine."""
    assert isinstance(change, Turned)
    assert not isinstance(change, FileText) or change.path.startswith(OF_NETWORKS), change
    return change


def _packet_filter() -> Values:
    """Return what a packet filter does here; a new network has none."""
    connections = read_int(CONNTRACK_COUNT)
    return {"packet filter that tracks connections": "none"} if connections else {}


def _lo_values() -> tuple[Turned, ...]:
    """Return the values of lo here; root of a user namespace may not see its packet steering."""
    size, offload = (int(attribute(name)) for name in ("mtu", "gso_max_size"))
    values: list[Turned] = [LoAttribute("mtu", size), LoAttribute("gso_max_size", offload)]
    with suppress(OSError):
        values.append(FileText(RPS, seen(FileText(RPS, "0", "mask")), "mask"))
    return tuple(values)


def _copy_lo(values: Sequence[Turned]) -> Values:
    """Copy `values` to this network's lo; return those that it does not take, with its own ones."""
    for value in values:
        if seen(value) != wanted(value):
            with suppress(OSError):
                turn(value)
    return {f"lo {value}": seen(value) for value in values if seen(value) != wanted(value)}
