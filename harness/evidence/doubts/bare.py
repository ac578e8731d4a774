"""Doubts about a bare baseline on a machine where containers or packet filters are at work."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.doubts.scene import Scene
from harness.evidence.network import network_facts
from harness.lab.kernelfiles import Roots, read, read_int
from harness.model import Doubt

_OF_CONTAINERS = ("bridge", "veth")


@dataclass(frozen=True, slots=True)
class Bare:
    tracked: int  # connections
    interfaces: tuple[str, ...]  # of containers, that are up
    filters: tuple[str, ...]


def read_bare(scene: Scene) -> Bare:
    """Nothing where the experiment wants a network that is not bare."""
    if not scene.bare:
        return Bare(0, (), ())
    facts = network_facts(scene.roots)
    return Bare(
        tracked=facts["conntrack_entries"] or 0,
        interfaces=tuple(
            f"{name} ({interface['kind']})"
            for name, interface in facts["interfaces"].items()
            if interface["kind"] in _OF_CONTAINERS and interface["state"] == "up"
        ),
        filters=tuple(_filters(scene.roots)),
    )


def bare_doubts(before: Bare, after: Bare) -> Iterator[Doubt]:
    yield from _tracking(max(before.tracked, after.tracked))
    yield from _containers(after.interfaces)
    yield from _filtering(after.filters)


def _tracking(connections: int) -> Iterator[Doubt]:
    if connections > 0:
        yield Doubt(
            kind="conntrack",
            seen=f"The kernel tracks connections here, {connections} of them.",
            advice=(
                "Tracking costs TCP alone, so this baseline is not bare: end the firewall or container runtime "
                "that asks for it, or exempt lo (nftables: notrack)."
            ),
        )


def _containers(interfaces: tuple[str, ...]) -> Iterator[Doubt]:
    if interfaces:
        yield Doubt(
            kind="containers",
            seen=f"Interfaces of containers or virtual machines are up: {', '.join(interfaces)}.",
            advice="Stop them for a bare baseline: they use the CPUs, and bring packet filters and tracking along.",
        )


def _filtering(filters: tuple[str, ...]) -> Iterator[Doubt]:
    if filters:
        yield Doubt(
            kind="filter",
            seen=f"Packet filters are loaded: {', '.join(filters)}.",
            advice="Each rule costs every TCP segment, also on lo, and a Unix socket nothing: remove them if you may.",
        )


def _filters(roots: Roots) -> Iterator[str]:
    """Rules themselves are root's to read: what there is of tables, and who uses nf_tables, must do."""
    tables = (read(roots.proc / "self/net/ip_tables_names") or "").split()
    yield from (f"the table {table} of iptables" for table in tables)
    if read_int(roots.sys / "module/nf_tables/refcnt"):
        yield "nf_tables with modules that use it"
