"""The network of a stack as a context: its own with its knobs turned, or simply where we are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import MachineError, raise_all
from harness.lab.kernel.settings import Kernel, Setting
from harness.lab.kernel.turning import Turned, seen, turn, wanted
from harness.lab.kernelfiles import read_int
from harness.lab.network import loopback
from harness.lab.network.host_values import Values, copy_values, network_values
from harness.lab.network.netns import HOST, Network, own_network
from harness.model.knobs import OF_A_NETWORK, Change, FileText, LoAttribute

OF_NETWORKS = ("/proc/sys/net/", "/sys/class/net/")
TRACKED = Path("/proc/sys/net/netfilter/nf_conntrack_count")
RPS = "/sys/class/net/lo/queues/rx-0/rps_cpus"


@dataclass(frozen=True, slots=True)
class StackNetwork:
    """`not_copied` are values of the host that could not be had inside, with what is there instead."""

    network: Network = HOST
    kernel: Kernel = field(default_factory=Kernel)
    not_copied: Values = field(default_factory=dict)

    def values(self) -> Values:
        """What the network has now for each of its knobs, by name; read inside."""
        return {setting.name: value_of(setting) for setting in self.kernel.of(*OF_A_NETWORK)}


@contextmanager
def network_of(kernel: Kernel) -> Iterator[StackNetwork]:
    """Raises MachineError where there can be no such network, or where it refuses a value."""
    if not kernel.own_network:
        yield StackNetwork()
        return
    of_host, lo_of_host, filtered = network_values(), _lo_values(), _filtered()
    with own_network() as network:
        with network.entered():
            not_copied = filtered | copy_values(of_host)
            loopback.bring_up()
            not_copied |= _copy_lo(lo_of_host)
            raise_all(filter(None, map(turned, kernel.of(*OF_A_NETWORK))), MachineError)
        yield StackNetwork(network, kernel, not_copied)


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
