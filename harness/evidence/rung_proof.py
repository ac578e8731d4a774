"""Proves that a connection goes the way of its rung: every link on it carries packets, every filter sees it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StackError, raise_all
from harness.evidence.counters.network import received
from harness.evidence.counters.source import table
from harness.evidence.listeners import listening_inodes, socket_inodes
from harness.lab.kernelfiles import read_int
from harness.lab.network.netns import OF_THIS_THREAD, Network
from harness.lab.network.way import Way
from harness.lab.stack import Stack
from harness.load.ask import ask
from harness.model import Arm, Reply
from harness.model.rungs import Pair, Place, Tracked

NET = Path("/proc/thread-self/net")
TRACKED = Path("/proc/sys/net/netfilter/nf_conntrack_count")


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one namespace: packets that came in by each link, connections that were opened, that are tracked."""

    packets: Mapping[str, int]
    opened: int
    tracked: int | None  # None: the kernel does not say


def rung_proof(stack: Stack, arm: Arm) -> dict[str, Any]:
    """What was seen of one more request of `arm`; nothing where there is no rung. StackError when it is elsewhere."""
    way, places = stack.network.way, stack.network.places
    if not places:
        return {}
    before = {place: _seen(network) for place, network in places.items()}
    _ask(stack, arm)
    after = {place: _seen(network) for place, network in places.items()}
    grown = {
        f"{place} {link}": count - before[place].packets.get(link, 0)
        for place in places
        for link, count in after[place].packets.items()
    }
    tracked = {place: seen.tracked for place, seen in after.items()}
    if way.leg == "front" or arm.settings.transport == "tcp":
        raise_all((f"Arm {arm.name!r}: {problem}" for problem in problems(way, grown, tracked)), StackError)
    elif opened := after["near"].opened - before["near"].opened:
        raise StackError(f"Arm {arm.name!r} opened {opened} TCP connections, though its hop is a Unix socket.")
    return {
        "rung": {
            "network": way.rung,
            "namespaces": {place: _name(network) for place, network in places.items()},
            "packets": {link: count for link, count in grown.items() if count},
            "tracked": {place: tracked[place] for place in _tracking(way)},
            "not_copied": stack.network.not_copied,
            **_relay(stack),
        }
    }


def problems(way: Way, grown: Mapping[str, int], tracked: Mapping[Place, int | None]) -> Iterator[str]:
    """What a request must have left on the way and did not: packets on each link, entries of each tracking filter."""
    for link in links_of(way):
        if not grown.get(link):
            yield f"no packet came in by {link}, so its connection does not go the way of network = {way.rung!r}."
    for place in _tracking(way):
        if tracked[place] == 0:
            yield f"the kernel tracks no connection in {place}, as network = {way.rung!r} says that it does."


def links_of(way: Way) -> list[str]:
    """Every link that a packet there, or its answer, comes in by."""
    pairs = [step for step in way.steps if isinstance(step, Pair)]
    ends = [end for pair in pairs for end in (f"{pair.place} {pair.name}", f"{pair.peer_place} {pair.peer}")]
    return ends or ["near lo"]


def _tracking(way: Way) -> Iterable[Place]:
    return dict.fromkeys(step.place for step in way.steps if isinstance(step, Tracked))


def _ask(stack: Stack, arm: Arm) -> None:
    target = stack.blueprint.targets[arm.name]
    with stack.inside():
        reply = ask(target, target.path)
    if not isinstance(reply, Reply):
        raise StackError(f"Arm {arm.name!r} does not answer any more: {reply}.")


def _seen(network: Network) -> Seen:
    with network.entered():
        opened = table((NET / "snmp").read_text())["Tcp.ActiveOpens"]
        return Seen(received((NET / "dev").read_text()), opened, read_int(TRACKED))


def _name(network: Network) -> str:
    with network.entered():
        return str(Path(OF_THIS_THREAD).readlink())


def _relay(stack: Stack) -> dict[str, Any]:
    """That the relay, and nobody else, listens where the connection is asked for."""
    relayed = stack.blueprint.way.relay
    if stack.relay is None or relayed is None:
        return {}
    pid, ports = stack.relay.main_pid(), stack.blueprint.ports
    with stack.network.places[relayed.place].entered():
        found = [listening_inodes(f"{relayed.address}:{port}") for port in ports]
    if not all(found) or not set().union(*found) <= socket_inodes([pid]):
        raise StackError(f"The relay, process {pid}, does not listen on {relayed.address} alone.")
    return {"relay": pid}
