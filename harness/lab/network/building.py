"""Builds the way of a connection between namespaces that are there: links, addresses, values, packet filters."""

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
WANTED = {
    Pair: "virtual links (veth)",
    Bridge: "bridges",
    Address: "addresses",
    Value: "this value in each network (bridge-nf: modprobe br_netfilter, Linux 5.3 or later)",
    Tracked: "nf_tables with connection tracking",
    Published: "nf_tables with address translation",
    Untranslated: "nf_tables with address translation",
}


def build(way: Way, networks: Mapping[Place, Network], ports: Iterable[int]) -> None:
    """`ports` are those that the connection's far end listens on. Raises MachineError where the kernel will not."""
    known = tuple(ports)
    for step in way.steps:
        try:
            with networks[step.place].entered():
                _perform(step, networks, known)
        except OSError as error:
            raise MachineError(
                f"network = {way.rung!r} cannot be had here: {_named(step)}: {error.strerror}. "
                f"Use a kernel that has {WANTED[type(step)]}, or leave the rung out."
            ) from None


def _perform(step: Step, networks: Mapping[Place, Network], ports: tuple[int, ...]) -> None:
    """In the network of the step's place. Raises OSError."""
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
            _filter(step, ports)
        case Relayed():
            pass  # a process, started with the servers
        case _:
            assert_never(step)


def _filter(step: Tracked | Published | Untranslated, ports: tuple[int, ...]) -> None:
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
    """OSError also where another value is read back."""
    path = SYSCTLS / value.path
    if value.optional and not path.exists():
        return
    path.write_text(value.text)
    found = path.read_text().strip()
    if found != value.text:
        raise OSError(0, f"the kernel makes {found} of it")


def _named(step: Step) -> str:
    return step.path.replace("/", ".") if isinstance(step, Value) else type(step).__name__.lower()
