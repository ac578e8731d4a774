"""Builds a network path between existing namespaces: links, addresses, values, packet filters."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import assert_never

from harness.errors import MachineError
from harness.lab.network.links import add_address, add_bridge, add_pair
from harness.lab.network.netns import Network
from harness.lab.network.tracking import track_at
from harness.lab.network.translation import leave_untranslated, publish
from harness.lab.network.way import Way
from harness.model.rungs import (
    Address,
    Bridge,
    Pair,
    Place,
    Published,
    Relayed,
    Step,
    Tracked,
    Untranslated,
    Value,
)

SYSCTLS = Path("/proc/sys")
REQUIREMENTS = {
    Pair: "virtual links (veth)",
    Bridge: "bridges",
    Address: "addresses",
    Value: "this value in each network (bridge-nf: modprobe br_netfilter, Linux 5.3 or later)",
    Tracked: "nf_tables with connection tracking",
    Published: "nf_tables with address translation",
    Untranslated: "nf_tables with address translation",
}


def build(network_path: Way, networks: Mapping[Place, Network], ports: Iterable[int]) -> None:
    """Build the path in `networks`; its far end listens on `ports`. Raises MachineError where the kernel refuses."""
    known = tuple(ports)
    for step in network_path.steps:
        try:
            with networks[step.place].entered():
                _take_step(step, networks, known)
        except OSError as error:
            raise MachineError(
                f"network = {network_path.rung!r} is not available here: {_step_name(step)}: {error.strerror}. "
                f"Use a kernel that has {REQUIREMENTS[type(step)]}, or leave the rung out."
            ) from None


def _take_step(step: Step, networks: Mapping[Place, Network], ports: tuple[int, ...]) -> None:
    """Take a step in the network of its place. Raises OSError."""
    match step:
        case Pair():
            add_pair(step, networks[step.peer_place])
        case Bridge():
            add_bridge(step)
        case Address():
            add_address(step)
        case Value():
            _write(step)
        case Tracked() | Published() | Untranslated():
            _add_filter(step, ports)
        case Relayed():
            pass  # a process, started with the servers
        case _:
            assert_never(step)


def _add_filter(step: Tracked | Published | Untranslated, ports: tuple[int, ...]) -> None:
    match step:
        case Tracked():
            track_at(step.hooks)
        case Published():
            publish(step, ports)
        case Untranslated():
            leave_untranslated(step)
        case _:
            assert_never(step)


def _write(value: Value) -> None:
    """Write a value. Raises OSError also where another value is read back."""
    path = SYSCTLS / value.path
    if value.optional and not path.exists():
        return
    path.write_text(value.text)
    result = path.read_text().strip()
    if result != value.text:
        raise OSError(0, f"the kernel changes it to {result}")


def _step_name(step: Step) -> str:
    return step.path.replace("/", ".") if isinstance(step, Value) else type(step).__name__.lower()
