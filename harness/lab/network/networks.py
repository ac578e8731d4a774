"""The networks of a stack as a context: its own with its knobs turned, or where we are; and those of its rung."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import MachineError, raise_all
from harness.lab.kernel.settings import Kernel, Setting
from harness.lab.kernel.turning import Turned, seen, turn, wanted
from harness.lab.kernelfiles import read_int
from harness.lab.network import loopback
from harness.lab.network.building import build
from harness.lab.network.host_values import Values, copy_values, network_values
from harness.lab.network.netns import HOST, Network, own_network
from harness.lab.network.way import BARE_WAY, Way
from harness.model.knobs import OF_A_NETWORK, Change, FileText, LoAttribute
from harness.model.rungs import Place

OF_NETWORKS = ("/proc/sys/net/", "/sys/class/net/")
TRACKED = Path("/proc/sys/net/netfilter/nf_conntrack_count")
RPS = "/sys/class/net/lo/queues/rx-0/rps_cpus"


@dataclass(frozen=True, slots=True)
class StackNetwork:
    """`network` is of everything that the rung does not move, `places` are the rung's.

    `not_copied` are values of the host that could not be had inside, with what is there instead.
    """

    network: Network = HOST
    kernel: Kernel = field(default_factory=Kernel)
    not_copied: Values = field(default_factory=dict)
    way: Way = BARE_WAY
    places: Mapping[Place, Network] = field(default_factory=dict)

    @property
    def near(self) -> Network:
        return self.places.get("near", self.network)

    @property
    def far(self) -> Network:
        """The other end of the way; on lo both ends are in one network."""
        return self.places.get("far", self.near)

    @property
    def client(self) -> Network:
        return self.near if self.way.leg == "front" else self.network

    @property
    def doors(self) -> Network:
        """Where nginx is listened to."""
        return self.far if self.way.leg == "front" else self.network

    @property
    def nginx(self) -> Network:
        """Where nginx makes its own connections."""
        return self.near if self.way.leg == "hop" else self.network

    @property
    def app(self) -> Network:
        return self.far if self.way.leg == "hop" else self.network

    @property
    def every(self) -> tuple[Network, ...]:
        return (self.network, *self.places.values())

    def values(self) -> Values:
        """What the network has now for each of its knobs, by name; read inside."""
        return {setting.name: value_of(setting) for setting in self.kernel.of(*OF_A_NETWORK)}


@contextmanager
def network_of(kernel: Kernel, way: Way = BARE_WAY, ports: Sequence[int] = ()) -> Iterator[StackNetwork]:
    """`ports` are those that the far end of the way listens on.

    Raises MachineError where there can be no such network, or where it refuses a value.
    """
    if not kernel.own_network and not way.places:
        yield StackNetwork()
        return
    host = _Host(network_values(), _lo_values(), _filtered())
    with ExitStack() as until_the_end:
        network, not_copied = _like(host, kernel, until_the_end) if kernel.own_network else (HOST, {})
        places: dict[Place, Network] = {}
        for place in way.places:
            places[place], missed = _like(host, kernel, until_the_end)
            not_copied |= missed
        build(way, places, ports)
        yield StackNetwork(network, kernel, not_copied, way, places)


@dataclass(frozen=True, slots=True)
class _Host:
    """What a new network is to be like."""

    sysctls: Values
    lo: Sequence[Turned]
    filtered: Values  # that it will not have


def _like(host: _Host, kernel: Kernel, until_the_end: ExitStack) -> tuple[Network, Values]:
    """A new network like the host's but for its knobs, with lo up; and what could not be made so."""
    network = until_the_end.enter_context(own_network())
    with network.entered():
        not_copied = copy_values(host.sysctls)
        loopback.bring_up()
        not_copied |= _copy_lo(host.lo)
        raise_all(filter(None, map(turned, kernel.of(*OF_A_NETWORK))), MachineError)
    return network, host.filtered | not_copied


def turned(setting: Setting) -> str | None:
    """Turn the knob in this thread's network; a sentence where the kernel will not have the value, or changes it."""
    for change in map(_of_network, setting.changes):
        try:
            turn(change)
            found = seen(change)
        except OSError as error:
            way_out = "Run barehop as root" if isinstance(error, PermissionError) else "Give a value that it takes"
            return f"{setting}: the kernel refuses it: {error.strerror}. {way_out}."
        if found != wanted(change):
            return f"{setting}: the kernel makes {found} of it. Write that, or another value."
    return None


def value_of(setting: Setting) -> str:
    """What the kernel has for it, in this thread's network."""
    return " ".join(seen(_of_network(change)) for change in setting.changes)


def _of_network(change: Change) -> Turned:
    """A change that stays inside: never a file that is the whole machine's."""
    assert isinstance(change, Turned)
    assert not isinstance(change, FileText) or change.path.startswith(OF_NETWORKS), change
    return change


def _filtered() -> Values:
    """What a packet filter does here; there is none in a new network."""
    tracked = read_int(TRACKED)
    return {"packet filter that tracks connections": "none"} if tracked else {}


def _lo_values() -> tuple[Turned, ...]:
    """What lo is like here; whoever is root in a user namespace only may not see its steering."""
    size, offload = (int(loopback.attribute(name)) for name in ("mtu", "gso_max_size"))
    values: list[Turned] = [LoAttribute("mtu", size), LoAttribute("gso_max_size", offload)]
    with suppress(OSError):
        values.append(FileText(RPS, seen(FileText(RPS, "0", "mask")), "mask"))
    return tuple(values)


def _copy_lo(values: Sequence[Turned]) -> Values:
    """What of `values` this network's lo does not take, with what it has instead."""
    for value in values:
        if seen(value) != wanted(value):
            with suppress(OSError):
                turn(value)
    return {f"lo {value}": seen(value) for value in values if seen(value) != wanted(value)}
