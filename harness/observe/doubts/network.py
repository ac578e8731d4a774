"""Doubts about the network: bare machines, sockets, errors of the upstream."""

import errno
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.model import Doubt
from harness.observe.counters import parse_net_table
from harness.observe.doubts.context import Context
from harness.observe.host.facts import network_facts
from harness.testbed.machine.procfs import Roots, read_int, read_text

CONTAINER_INTERFACES = ("bridge", "veth")

# Loopback loses nothing, so more than a few segments of other connections are our own.
RETRANSMITTED_PERCENT = 0.1
# A closed connection keeps its port for a minute; after a fifth of the range, a few more sessions exhaust it.
TIME_WAIT_SHARE = 0.2

_REUSE_SYSCTLS = ("net/ipv4/tcp_tw_reuse", "net/ipv4/tcp_timestamps")
MAX_LOG_BYTES = 64 << 20  # the rest of a longer log is not read
MAX_LINE_BYTES = 64 << 10
_CONNECT_FAILED = re.compile(rb"connect\(\) to .* failed \((\d+): ")

UpstreamErrors = Counter[int]


@dataclass(frozen=True, slots=True)
class BareNetwork:
    """What there is of container networking: tracked connections, interfaces that are up, loaded packet filters."""

    tracked: int
    interfaces: tuple[str, ...]
    filters: tuple[str, ...]


def read_bare_network(context: Context) -> BareNetwork:
    """Read the network of the host; empty where the experiment does not ask for a bare one."""
    if not context.bare:
        return BareNetwork(0, (), ())
    facts = network_facts(context.roots)
    return BareNetwork(
        tracked=facts["conntrack_entries"] or 0,
        interfaces=tuple(
            f"{name} ({interface['kind']})"
            for name, interface in facts["interfaces"].items()
            if interface["kind"] in CONTAINER_INTERFACES and interface["state"] == "up"
        ),
        filters=tuple(_packet_filters(context.roots)),
    )


def bare_network_doubts(before: BareNetwork, after: BareNetwork) -> Iterator[Doubt]:
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
    tables = (read_text(roots.proc / "self/net/ip_tables_names") or "").split()
    yield from (f"the table {table} of iptables" for table in tables)
    if read_int(roots.sys / "module/nf_tables/refcnt"):
        yield "nf_tables with modules that use it"


@dataclass(frozen=True, slots=True)
class SocketCounters:
    """Counters of a network namespace; `ports` is the number of local ports for outgoing connections."""

    refused: int
    sent: int
    retransmitted: int
    time_wait: int
    ports: int
    may_reuse: bool  # with both settings on, the kernel takes a port in TIME_WAIT again after a second


def read_networks(context: Context) -> tuple[SocketCounters, ...]:
    """Read the counters of each network namespace with servers: each has its own ports, queues and settings."""
    counters = []
    for network in context.networks:
        with network.enter():
            counters.append(read_sockets(context))
    return tuple(counters)


def network_doubts(before: tuple[SocketCounters, ...], after: tuple[SocketCounters, ...]) -> Iterator[Doubt]:
    """Yield the doubts about each network namespace."""
    for earlier, later in zip(before, after, strict=True):
        yield from socket_doubts(earlier, later)


def read_sockets(context: Context) -> SocketCounters:
    """Read the counters of the current network namespace."""
    net, roots = context.roots.proc / "self/net", context.roots
    counters = {**parse_net_table(read_text(net / "netstat") or ""), **parse_net_table(read_text(net / "snmp") or "")}
    return SocketCounters(
        # The second also counts connections that were dropped for other reasons than a full queue.
        refused=max(counters.get("TcpExt.ListenOverflows", 0), counters.get("TcpExt.ListenDrops", 0)),
        sent=counters.get("Tcp.OutSegs", 0),
        retransmitted=counters.get("Tcp.RetransSegs", 0),
        time_wait=_time_wait_count(read_text(net / "sockstat") or ""),
        ports=_port_count(roots),
        may_reuse="0" not in [read_text(roots.proc / "sys" / name) for name in _REUSE_SYSCTLS],
    )


def socket_doubts(before: SocketCounters, after: SocketCounters) -> Iterator[Doubt]:
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


def _port_doubts(after: SocketCounters) -> Iterator[Doubt]:
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
    ends = (read_text(roots.proc / "sys/net/ipv4/ip_local_port_range") or "").split()
    return int(ends[1]) - int(ends[0]) + 1 if len(ends) == 2 else 0


def read_upstream_errors(context: Context) -> UpstreamErrors:
    """Return the number of failed connect() calls so far, by errno; a lower bound for very long logs."""
    lines = (line for log in context.nginx_logs if log.is_file() for line in _log_lines(log))
    return Counter(int(number) for line in lines for number in _CONNECT_FAILED.findall(line))


def _log_lines(log: Path) -> Iterator[bytes]:
    """Yield the first lines of a log, up to MAX_LOG_BYTES."""
    with log.open("rb") as file:
        while file.tell() < MAX_LOG_BYTES and (line := file.readline(MAX_LINE_BYTES)):
            yield line


def upstream_doubts(before: UpstreamErrors, after: UpstreamErrors) -> Iterator[Doubt]:
    """Yield a doubt each for a full backlog and for exhausted ports: requests that fail quickly look fast."""
    failures = after - before
    if failures[errno.EAGAIN]:
        yield Doubt(
            kind="backlog",
            seen=f"nginx found a Unix socket with a full backlog {failures[errno.EAGAIN]} times (EAGAIN).",
            advice=(
                "It answers such a request with 502 at once, which makes the arm look faster. Lower connections, "
                "or raise workers or net.core.somaxconn."
            ),
        )
    if failures[errno.EADDRNOTAVAIL]:
        yield Doubt(
            kind="ports",
            seen=f"nginx found no free local port {failures[errno.EADDRNOTAVAIL]} times (EADDRNOTAVAIL).",
            advice=(
                "Set net.ipv4.tcp_tw_reuse and net.ipv4.tcp_timestamps to 1, keep connections with "
                "upstream_keepalive, or widen net.ipv4.ip_local_port_range."
            ),
        )
