"""Doubts about a bare baseline on a machine with containers, packet filters or connection tracking."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.evidence.network import network_facts
from harness.lab.kernelfiles import Roots, read, read_int
from harness.model import Doubt

CONTAINER_INTERFACES = ("bridge", "veth")


@dataclass(frozen=True, slots=True)
class Bare:
    """What there is of container networking: tracked connections, interfaces that are up, loaded packet filters."""

    tracked: int
    interfaces: tuple[str, ...]
    filters: tuple[str, ...]


def read_bare(context: Scene) -> Bare:
    """Read the network of the host; empty where the experiment does not ask for a bare one."""
    if not context.bare:
        return Bare(0, (), ())
    facts = network_facts(context.roots)
    return Bare(
        tracked=facts["conntrack_entries"] or 0,
        interfaces=tuple(
            f"{name} ({interface['kind']})"
            for name, interface in facts["interfaces"].items()
            if interface["kind"] in CONTAINER_INTERFACES and interface["state"] == "up"
        ),
        filters=tuple(_packet_filters(context.roots)),
    )


def bare_doubts(before: Bare, after: Bare) -> Iterator[Doubt]:
    """Yield a doubt each for connection tracking, container interfaces and packet filters."""
    yield from _conntrack_doubts(max(before.tracked, after.tracked))
    yield from _container_doubts(after.interfaces)
    yield from _filter_doubts(after.filters)


def _conntrack_doubts(connections: int) -> Iterator[Doubt]:
    if connections > 0:
        yield Doubt(
            kind="conntrack",
            seen=f"The kernel tracks connections here, {connections} of them.",
            advice=(
                "Tracking slows down TCP only, so this baseline is not bare: stop the firewall or container runtime "
                "that asks for it, or exempt lo (nftables: notrack)."
            ),
        )


def _container_doubts(interfaces: tuple[str, ...]) -> Iterator[Doubt]:
    if interfaces:
        yield Doubt(
            kind="containers",
            seen=f"Interfaces of containers or virtual machines are up: {', '.join(interfaces)}.",
            advice="Stop them for a bare baseline: they use the CPUs, and they add packet filters and tracking.",
        )


def _filter_doubts(filters: tuple[str, ...]) -> Iterator[Doubt]:
    if filters:
        yield Doubt(
            kind="filter",
            seen=f"Packet filters are loaded: {', '.join(filters)}.",
            advice="Each rule slows down every TCP segment, also on lo, but no Unix socket: remove them if you can.",
        )


def _packet_filters(roots: Roots) -> Iterator[str]:
    """Yield the tables of iptables and the use of nf_tables. Only root can read the rules themselves."""
    tables = (read(roots.proc / "self/net/ip_tables_names") or "").split()
    yield from (f"the table {table} of iptables" for table in tables)
    if read_int(roots.sys / "module/nf_tables/refcnt"):
        yield "nf_tables with modules that use it"
