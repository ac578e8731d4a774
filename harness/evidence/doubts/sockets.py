"""Doubts about TCP: full accept queues, retransmitted segments, exhausted ports."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence.counters.source import parse_net_table
from harness.evidence.doubts.scene import Scene
from harness.lab.kernelfiles import Roots, read
from harness.model import Doubt

# Loopback loses nothing, so more than a few segments of other connections are our own.
RETRANSMITTED_PERCENT = 0.1
# A closed connection keeps its port for a minute; after a fifth of the range, a few more sessions exhaust it.
TIME_WAIT_SHARE = 0.2

_REUSE_SYSCTLS = ("net/ipv4/tcp_tw_reuse", "net/ipv4/tcp_timestamps")


@dataclass(frozen=True, slots=True)
class Sockets:
    """Counters of a network namespace; `ports` is the number of local ports for outgoing connections."""

    refused: int
    sent: int
    retransmitted: int
    time_wait: int
    ports: int
    may_reuse: bool  # with both settings on, the kernel takes a port in TIME_WAIT again after a second


def read_networks(context: Scene) -> tuple[Sockets, ...]:
    """Read the counters of each network namespace with servers: each has its own ports, queues and settings."""
    counters = []
    for network in context.networks:
        with network.entered():
            counters.append(read_sockets(context))
    return tuple(counters)


def network_doubts(before: tuple[Sockets, ...], after: tuple[Sockets, ...]) -> Iterator[Doubt]:
    """Yield the doubts about each network namespace."""
    for earlier, later in zip(before, after, strict=True):
        yield from socket_doubts(earlier, later)


def read_sockets(context: Scene) -> Sockets:
    """Read the counters of the current network namespace."""
    net, roots = context.roots.proc / "self/net", context.roots
    counters = {**parse_net_table(read(net / "netstat") or ""), **parse_net_table(read(net / "snmp") or "")}
    return Sockets(
        # The second also counts connections that were dropped for other reasons than a full queue.
        refused=max(counters.get("TcpExt.ListenOverflows", 0), counters.get("TcpExt.ListenDrops", 0)),
        sent=counters.get("Tcp.OutSegs", 0),
        retransmitted=counters.get("Tcp.RetransSegs", 0),
        time_wait=_time_wait_count(read(net / "sockstat") or ""),
        ports=_port_count(roots),
        may_reuse="0" not in [read(roots.proc / "sys" / name) for name in _REUSE_SYSCTLS],
    )


def socket_doubts(before: Sockets, after: Sockets) -> Iterator[Doubt]:
    """Yield a doubt each for full accept queues, retransmissions and exhausted ports."""
    yield from _overflow_doubts(after.refused - before.refused)
    yield from _retransmit_doubts(after.retransmitted - before.retransmitted, after.sent - before.sent)
    yield from _port_doubts(after)


def _overflow_doubts(times: int) -> Iterator[Doubt]:
    if times > 0:
        yield Doubt(
            kind="overflow",
            seen=f"{times} TCP connections found a full accept queue (ListenOverflows, ListenDrops).",
            advice=(
                "Each of them waited a second before it tried again. Lower connections, or raise "
                "net.core.somaxconn or workers; if it was a server outside this run, stop that server."
            ),
        )


def _retransmit_doubts(segments: int, sent: int) -> Iterator[Doubt]:
    percent = 100 * segments / max(1, sent)
    if percent > RETRANSMITTED_PERCENT:
        yield Doubt(
            kind="retransmits",
            seen=f"{segments} TCP segments were retransmitted, {percent:.1f} % of all that this machine sent.",
            advice=(
                "Loopback loses nothing by itself: look for full queues, memory limits (net.ipv4.tcp_mem), "
                "packet filters or traffic shaping on lo, and for other busy connections of this machine."
            ),
        )


def _port_doubts(after: Sockets) -> Iterator[Doubt]:
    if not after.may_reuse and after.time_wait > TIME_WAIT_SHARE * after.ports:
        yield Doubt(
            kind="ports",
            seen=(
                f"{after.time_wait} connections were in TIME_WAIT, of {after.ports} local ports, and "
                "net.ipv4.tcp_tw_reuse or net.ipv4.tcp_timestamps is 0, so each keeps its port for a minute."
            ),
            advice=(
                "Connecting by TCP becomes slow and then fails. Set both to 1, keep connections with "
                "upstream_keepalive and client_keepalive, or widen net.ipv4.ip_local_port_range."
            ),
        )


def _time_wait_count(sockstat: str) -> int:
    """Return `tw` of the line `TCP: inuse 5 orphan 0 tw 2211 alloc 6 mem 173`."""
    words = next((line.split() for line in sockstat.splitlines() if line.startswith("TCP:")), [])
    return int(words[words.index("tw") + 1]) if "tw" in words else 0


def _port_count(roots: Roots) -> int:
    """Return the size of the range `32768 60999`, which includes both ends."""
    ends = (read(roots.proc / "sys/net/ipv4/ip_local_port_range") or "").split()
    return int(ends[1]) - int(ends[0]) + 1 if len(ends) == 2 else 0
