"""Doubts about TCP: full accept queues, segments sent twice, ports that run out."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.counters.source import table
from harness.evidence.doubts.scene import Scene
from harness.lab.kernelfiles import Roots, read
from harness.model import Doubt

# Loopback loses nothing, so any more than stray segments of other connections is ours.
RETRANSMITTED_PERCENT = 0.1
# A closed connection keeps its port for a minute; from a fifth of the range, a few sessions more use it up.
TIME_WAIT_SHARE = 0.2

_REUSE = ("net/ipv4/tcp_tw_reuse", "net/ipv4/tcp_timestamps")


@dataclass(frozen=True, slots=True)
class Sockets:
    """Counters of our network namespace; `ports` is how many a connection can begin at."""

    refused: int
    sent: int
    retransmitted: int
    time_wait: int
    ports: int
    may_reuse: bool  # with both settings on, the kernel takes a port in TIME_WAIT again after a second


def read_networks(scene: Scene) -> tuple[Sockets, ...]:
    """Of each network in which there are servers: ports and queues are its own, and so are the settings of them."""
    found = []
    for network in scene.networks:
        with network.entered():
            found.append(read_sockets(scene))
    return tuple(found)


def network_doubts(before: tuple[Sockets, ...], after: tuple[Sockets, ...]) -> Iterator[Doubt]:
    for one_before, one_after in zip(before, after, strict=True):
        yield from socket_doubts(one_before, one_after)


def read_sockets(scene: Scene) -> Sockets:
    net, roots = scene.roots.proc / "self/net", scene.roots
    counters = {**table(read(net / "netstat") or ""), **table(read(net / "snmp") or "")}
    return Sockets(
        # What no queue had room for is counted in the second, with what was dropped for other reasons.
        refused=max(counters.get("TcpExt.ListenOverflows", 0), counters.get("TcpExt.ListenDrops", 0)),
        sent=counters.get("Tcp.OutSegs", 0),
        retransmitted=counters.get("Tcp.RetransSegs", 0),
        time_wait=_time_wait(read(net / "sockstat") or ""),
        ports=_ports(roots),
        may_reuse="0" not in [read(roots.proc / "sys" / name) for name in _REUSE],
    )


def socket_doubts(before: Sockets, after: Sockets) -> Iterator[Doubt]:
    yield from _refused(after.refused - before.refused)
    yield from _retransmitted(after.retransmitted - before.retransmitted, after.sent - before.sent)
    yield from _out_of_ports(after)


def _refused(times: int) -> Iterator[Doubt]:
    if times > 0:
        yield Doubt(
            kind="overflow",
            seen=f"{times} TCP connections found a full accept queue (ListenOverflows, ListenDrops).",
            advice=(
                "Each of them waited a second before it tried again. Lower connections, or raise "
                "net.core.somaxconn or workers; if no server of this run was meant, end the one that was."
            ),
        )


def _retransmitted(segments: int, sent: int) -> Iterator[Doubt]:
    percent = 100 * segments / max(1, sent)
    if percent > RETRANSMITTED_PERCENT:
        yield Doubt(
            kind="retransmits",
            seen=f"{segments} TCP segments were sent again, {percent:.1f} % of all that this machine sent.",
            advice=(
                "Loopback loses nothing by itself: look for full queues, memory limits (net.ipv4.tcp_mem), "
                "packet filters or traffic shaping on lo, and for other busy connections of this machine."
            ),
        )


def _out_of_ports(after: Sockets) -> Iterator[Doubt]:
    if not after.may_reuse and after.time_wait > TIME_WAIT_SHARE * after.ports:
        yield Doubt(
            kind="ports",
            seen=(
                f"{after.time_wait} connections were in TIME_WAIT, with {after.ports} ports to begin at, and "
                "net.ipv4.tcp_tw_reuse or net.ipv4.tcp_timestamps is 0, so that each keeps its port for a minute."
            ),
            advice=(
                "Connecting by TCP becomes slow and then fails. Set both to 1, keep connections with "
                "upstream_keepalive and client_keepalive, or widen net.ipv4.ip_local_port_range."
            ),
        )


def _time_wait(sockstat: str) -> int:
    """`TCP: inuse 5 orphan 0 tw 2211 alloc 6 mem 173`."""
    words = next((line.split() for line in sockstat.splitlines() if line.startswith("TCP:")), [])
    return int(words[words.index("tw") + 1]) if "tw" in words else 0


def _ports(roots: Roots) -> int:
    """`32768 60999` is a range with both its ends."""
    ends = (read(roots.proc / "sys/net/ipv4/ip_local_port_range") or "").split()
    return int(ends[1]) - int(ends[0]) + 1 if len(ends) == 2 else 0
