"""Doubts about the network: packet filters on the host, full queues, retransmissions, upstream errors."""

import errno
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.model import Doubt
from harness.observe.counters import parse_net_table
from harness.observe.doubts.context import Context
from harness.observe.doubts.kinds import doubt
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


def bare_network_doubts(context: Context) -> Iterator[Doubt]:
    """Yield a doubt each for connection tracking, container interfaces and packet filters, where none are expected."""
    if not context.bare:
        return
    facts = network_facts(context.roots)
    if tracked := facts["conntrack_entries"]:
        yield doubt("conntrack", f"The kernel tracks connections here, {tracked} of them.")
    containers = [
        f"{name} ({interface['kind']})"
        for name, interface in facts["interfaces"].items()
        if interface["kind"] in CONTAINER_INTERFACES and interface["state"] == "up"
    ]
    if containers:
        yield doubt("containers", f"Interfaces of containers or virtual machines are up: {', '.join(containers)}.")
    if filters := list(_packet_filters(context.roots)):
        yield doubt("filter", f"Packet filters are loaded: {', '.join(filters)}.")


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
            counters.append(_read_sockets(context.roots))
    return tuple(counters)


def _read_sockets(roots: Roots) -> SocketCounters:
    net = roots.proc / "self/net"
    counters = {**parse_net_table(read_text(net / "netstat") or ""), **parse_net_table(read_text(net / "snmp") or "")}
    time_wait = re.search(r"^TCP:.* tw (\d+)", read_text(net / "sockstat") or "", re.MULTILINE)
    ends = (read_text(roots.proc / "sys/net/ipv4/ip_local_port_range") or "").split()
    return SocketCounters(
        # The second also counts connections that were dropped for other reasons than a full queue.
        refused=max(counters.get("TcpExt.ListenOverflows", 0), counters.get("TcpExt.ListenDrops", 0)),
        sent=counters.get("Tcp.OutSegs", 0),
        retransmitted=counters.get("Tcp.RetransSegs", 0),
        time_wait=int(time_wait[1]) if time_wait else 0,
        ports=int(ends[1]) - int(ends[0]) + 1 if len(ends) == 2 else 0,  # the range includes both ends
        may_reuse="0" not in [read_text(roots.proc / "sys" / name) for name in _REUSE_SYSCTLS],
    )


def network_doubts(before: tuple[SocketCounters, ...], after: tuple[SocketCounters, ...]) -> Iterator[Doubt]:
    """Yield the doubts about each network namespace."""
    for earlier, later in zip(before, after, strict=True):
        yield from _socket_doubts(earlier, later)


def _socket_doubts(before: SocketCounters, after: SocketCounters) -> Iterator[Doubt]:
    """Yield a doubt each for full accept queues, retransmissions and exhausted ports."""
    refused, retransmitted = after.refused - before.refused, after.retransmitted - before.retransmitted
    percent = 100 * retransmitted / max(1, after.sent - before.sent)
    if refused > 0:
        yield doubt("overflow", f"{refused} TCP connections found a full accept queue (ListenOverflows, ListenDrops).")
    if percent > RETRANSMITTED_PERCENT:
        text = f"{retransmitted} TCP segments were retransmitted, {percent:.1f} % of all that this machine sent."
        yield doubt("retransmits", text)
    if not after.may_reuse and after.time_wait > TIME_WAIT_SHARE * after.ports:
        yield doubt(
            "ports",
            f"{after.time_wait} connections were in TIME_WAIT, of {after.ports} local ports, and net.ipv4.tcp_tw_reuse "
            "or net.ipv4.tcp_timestamps is 0, so each keeps its port for a minute.",
        )


def read_upstream_errors(context: Context) -> Counter[int]:
    """Return the number of failed connect() calls so far, by errno; a lower bound for very long logs."""
    logs = (log.path for log in context.logs if log.server == "nginx" and log.path.is_file())
    lines = (line for log in logs for line in _log_lines(log))
    return Counter(int(number) for line in lines for number in _CONNECT_FAILED.findall(line))


def _log_lines(log: Path) -> Iterator[bytes]:
    """Yield the first lines of a log, up to MAX_LOG_BYTES."""
    with log.open("rb") as file:
        while file.tell() < MAX_LOG_BYTES and (line := file.readline(MAX_LINE_BYTES)):
            yield line


def upstream_doubts(before: Counter[int], after: Counter[int]) -> Iterator[Doubt]:
    """Yield a doubt each for a full backlog and for exhausted ports: requests that fail quickly look fast."""
    failures = after - before
    if full := failures[errno.EAGAIN]:
        yield doubt("backlog", f"nginx found a Unix socket with a full backlog {full} times (EAGAIN).")
    if without_port := failures[errno.EADDRNOTAVAIL]:
        yield doubt("ports", f"nginx found no free local port {without_port} times (EADDRNOTAVAIL).")
