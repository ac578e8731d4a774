"""The networks of a stack as a context: the host's or its own, with its knobs set, and those of its network rung."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import MachineError, raise_if_any
from harness.model.plugins import NETWORK_SCOPES, FileText, KernelChange, LoAttribute, NamespacePlace
from harness.testbed.kernel.actions import action_of
from harness.testbed.kernel.knob_settings import KernelConfiguration, KnobSetting
from harness.testbed.machine.procfs import read_int
from harness.testbed.network.build import HOST_PATH, ConnectionEnd, NetworkPath, build_path
from harness.testbed.network.namespace import (
    HOST_NETWORK,
    NetworkNamespace,
    bring_up_loopback,
    create_network,
    loopback_attribute,
)
from harness.testbed.network.sysctl_copy import SysctlValues, copy_network_values, read_network_values

NETWORK_DIRECTORIES = ("/proc/sys/net/", "/sys/class/net/")
CONNTRACK_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
RPS = "/sys/class/net/lo/queues/rx-0/rps_cpus"


@dataclass(frozen=True, slots=True)
class StackNetwork:
    """`base` holds everything that the rung does not move; `places` are the rung's networks.

    `not_copied` are values of the host that a new network did not take, with its own ones.
    """

    base: NetworkNamespace = HOST_NETWORK
    path: NetworkPath = HOST_PATH
    places: Mapping[NamespacePlace, NetworkNamespace] = field(default_factory=dict)
    not_copied: SysctlValues = field(default_factory=dict)

    def at(self, place: NamespacePlace | None) -> NetworkNamespace:
        """Return the network of `place`; None: the base."""
        return self.places[place] if place else self.base

    def of(self, end: ConnectionEnd) -> NetworkNamespace:
        """Return the network of an end of a connection."""
        return self.at(self.path.place_of(end))

    @property
    def all_networks(self) -> tuple[NetworkNamespace, ...]:
        """All networks of the stack."""
        return (self.base, *self.places.values())


@contextmanager
def create_stack_network(
    kernel: KernelConfiguration, network_path: NetworkPath = HOST_PATH, ports: Sequence[int] = ()
) -> Iterator[StackNetwork]:
    """Create the networks of a stack. The far end of `network_path` listens on `ports`. Raises MachineError."""
    if not kernel.own_network and not network_path.places:
        yield StackNetwork()
        return
    host_values, host_lo = read_network_values(), _lo_values()
    is_tracking = bool(read_int(CONNTRACK_COUNT))  # a packet filter here does; a new network has none
    not_copied = {"packet filter that tracks connections": "none"} if is_tracking else {}

    def create_like_host() -> NetworkNamespace:
        """Create a network with lo up, the host's values and the knobs set."""
        network = exit_stack.enter_context(create_network())
        with network.enter():
            not_copied.update(copy_network_values(host_values))
            bring_up_loopback()
            not_copied.update(_copy_lo(host_lo))
            raise_if_any(filter(None, map(set_knob, kernel.of_scopes(*NETWORK_SCOPES))), MachineError)
        return network

    with ExitStack() as exit_stack:
        base = create_like_host() if kernel.own_network else HOST_NETWORK
        places = {place: create_like_host() for place in network_path.places}
        build_path(network_path, places, ports)
        yield StackNetwork(base, network_path, places, not_copied)


def set_knob(setting: KnobSetting) -> str | None:
    """Set the knob in this thread's network; return a sentence where the kernel does not take the value, else None."""
    for change in setting.changes:
        assert not isinstance(change, FileText) or change.path.startswith(NETWORK_DIRECTORIES), change
        action = action_of(change)
        try:
            action.apply()
            result = action.read()
        except OSError as error:
            advice = "Run barehop as root" if isinstance(error, PermissionError) else "Give a value that it takes"
            return f"{setting}: the kernel refuses it: {error.strerror}. {advice}."
        if result != action.wanted:
            return f"{setting}: the kernel changes it to {result}. Give that or another value."
    return None


def network_knob_values(kernel: KernelConfiguration) -> SysctlValues:
    """Return the present value of each network knob by name, in this thread's network."""
    return {
        setting.name: " ".join(action_of(change).read() for change in setting.changes)
        for setting in kernel.of_scopes(*NETWORK_SCOPES)
    }


def _lo_values() -> list[KernelChange]:
    """Return the values of lo here; root of a user namespace may not see its packet steering."""
    size, offload = (int(loopback_attribute(name)) for name in ("mtu", "gso_max_size"))
    values: list[KernelChange] = [LoAttribute("mtu", size), LoAttribute("gso_max_size", offload)]
    with suppress(OSError):
        values.append(FileText(RPS, action_of(FileText(RPS, "0", "mask")).read(), "mask"))
    return values


def _copy_lo(values: Sequence[KernelChange]) -> SysctlValues:
    """Copy `values` to this network's lo; return those that it does not take, with its own ones."""
    not_copied = {}
    for value in values:
        action = action_of(value)
        if action.read() != action.wanted:
            with suppress(OSError):
                action.apply()
        if (result := action.read()) != action.wanted:
            not_copied[f"lo {value}"] = result
    return not_copied
