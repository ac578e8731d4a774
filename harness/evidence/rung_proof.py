"""Proves that a connection takes the path of its rung: every link carries packets, every filter tracks it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StackError, raise_all
from harness.evidence.counters.network import received_packets
from harness.evidence.counters.source import parse_net_table
from harness.evidence.listeners import listening_inodes, socket_inodes
from harness.lab.kernelfiles import read_int
from harness.lab.network.netns import OF_THIS_THREAD, Network
from harness.lab.network.way import Way
from harness.lab.stack import Stack
from harness.load.ask import ask
from harness.model import Arm, Reply
from harness.model.rungs import Pair, Place, Tracked

NET = Path("/proc/thread-self/net")
TRACKED_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")


@dataclass(frozen=True, slots=True)
class Seen:
    """Counts of one namespace: packets received by each link, TCP connections opened, connections tracked."""

    packets: Mapping[str, int]
    opened: int
    tracked: int | None  # None: unknown


def rung_proof(stack: Stack, arm: Arm) -> dict[str, Any]:
    """Send one more request of `arm` and return its path; empty without a rung. Raise StackError for another path."""
    way, places = stack.network.way, stack.network.places
    if not places:
        return {}
    before = {place: _read_counts(network) for place, network in places.items()}
    _send_request(stack, arm)
    after = {place: _read_counts(network) for place, network in places.items()}
    grown = {
        f"{place} {link}": count - before[place].packets.get(link, 0)
        for place in places
        for link, count in after[place].packets.items()
    }
    tracked = {place: counts.tracked for place, counts in after.items()}
    if way.leg == "front" or arm.settings.transport == "tcp":
        raise_all((f"Arm {arm.name!r}: {problem}" for problem in problems(way, grown, tracked)), StackError)
    elif opened := after["near"].opened - before["near"].opened:
        raise StackError(f"Arm {arm.name!r} opened {opened} TCP connections, though its hop is a Unix socket.")
    return {
        "rung": {
            "network": way.rung,
            "namespaces": {place: _namespace_name(network) for place, network in places.items()},
            "packets": {link: count for link, count in grown.items() if count},
            "tracked": {place: tracked[place] for place in _tracking_places(way)},
            "not_copied": stack.network.not_copied,
            **_prove_relay(stack),
        }
    }


def problems(way: Way, grown: Mapping[str, int], tracked: Mapping[Place, int | None]) -> Iterator[str]:
    """Yield each trace of a request that is missing: packets on a link, entries of a tracking filter."""
    for link in links_of(way):
        if not grown.get(link):
            yield f"{link} received no packet, so its connection does not take the path of network = {way.rung!r}."
    for place in _tracking_places(way):
        if tracked[place] == 0:
            yield f"the kernel tracks no connection in {place}, although network = {way.rung!r} requires it."


def links_of(way: Way) -> list[str]:
    """Return every link that receives the request or its answer."""
    pairs = [step for step in way.steps if isinstance(step, Pair)]
    ends = [end for pair in pairs for end in (f"{pair.place} {pair.name}", f"{pair.peer_place} {pair.peer}")]
    return ends or ["near lo"]


def _tracking_places(way: Way) -> Iterable[Place]:
    return dict.fromkeys(step.place for step in way.steps if isinstance(step, Tracked))


def _send_request(stack: Stack, arm: Arm) -> None:
    target = stack.blueprint.targets[arm.name]
    with stack.inside():
        reply = ask(target, target.path)
    if not isinstance(reply, Reply):
        raise StackError(f"Arm {arm.name!r} does not answer any more: {reply}.")


def _read_counts(network: Network) -> Seen:
    with network.entered():
        opened = parse_net_table((NET / "snmp").read_text())["Tcp.ActiveOpens"]
        return Seen(received_packets((NET / "dev").read_text()), opened, read_int(TRACKED_COUNT))


def _namespace_name(network: Network) -> str:
    with network.entered():
        return str(Path(OF_THIS_THREAD).readlink())


def _prove_relay(stack: Stack) -> dict[str, Any]:
    """Return the relay's process id. Raise StackError where another process listens on its address."""
    relayed = stack.blueprint.way.relay
    if stack.relay is None or relayed is None:
        return {}
    pid, ports = stack.relay.main_pid(), stack.blueprint.ports
    with stack.network.places[relayed.place].entered():
        inodes = [listening_inodes(f"{relayed.address}:{port}") for port in ports]
    if not all(inodes) or not set().union(*inodes) <= socket_inodes([pid]):
        raise StackError(f"The relay, process {pid}, does not listen on {relayed.address} alone.")
    return {"relay": pid}
