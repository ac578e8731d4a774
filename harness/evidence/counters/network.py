"""Counters of a network namespace: connections, segments, losses, packets.

Source: Documentation/networking/snmp_counter.rst.
"""

from pathlib import Path

from harness.evidence.counters.source import Source, parse_net_table, select_counters

TCP_SEGMENTS = {
    "Tcp.ActiveOpens": "active_opens",
    "Tcp.PassiveOpens": "passive_opens",
    "Tcp.InSegs": "segments_in",
    "Tcp.OutSegs": "segments_out",
    "Tcp.RetransSegs": "retransmits",
}
TCP_EVENTS = {
    "TcpExt.DelayedACKs": "delayed_acks",
    "TcpExt.TW": "time_wait",
    "TcpExt.ListenOverflows": "listen_overflows",
}


def network_sources(net: Path) -> list[Source]:
    """Return the sources of the namespace of a process; `net` is its /proc/PID/net."""
    return [
        Source(net / "snmp", "net", tcp_segments, "TCP connections and segments are not known."),
        Source(net / "netstat", "net", tcp_events, "Delayed acknowledgements and TIME_WAIT are not known."),
        Source(net / "dev", "net", loopback_packets, "Packets on the loopback interface are not known."),
    ]


def rung_sources(net: Path) -> list[Source]:
    """Return the sources of a namespace that a rung adds, where all packets belong to one connection."""
    *tcp, _ = network_sources(net)
    return [*tcp, Source(net / "dev", "net", rung_packets, "Packets on the rung's links are not known.")]


def tcp_segments(snmp: str) -> dict[str, int]:
    """Return opened connections, and segments in, out and retransmitted."""
    return select_counters(parse_net_table(snmp), TCP_SEGMENTS)


def tcp_events(netstat: str) -> dict[str, int]:
    """Return delayed acknowledgements, connections in TIME_WAIT and full accept queues."""
    return select_counters(parse_net_table(netstat), TCP_EVENTS)


def loopback_packets(dev: str) -> dict[str, int]:
    """Return the packets on lo, which receives what it sends."""
    by_interface = received_packets(dev)
    return {"lo_packets": by_interface["lo"]} if "lo" in by_interface else {}


def rung_packets(dev: str) -> dict[str, int]:
    """Return the packets on lo and on virtual links; each link and bridge that a packet enters counts it."""
    links = sum(count for name, count in received_packets(dev).items() if name != "lo")
    return loopback_packets(dev) | {"link_packets": links}


def received_packets(dev: str) -> dict[str, int]:
    """Return the received packets by interface, from lines `lo: bytes packets errs drop ...` below two header lines."""
    rows = (line.partition(":") for line in dev.splitlines() if "|" not in line)
    return {name.strip(): int(counts.split()[1]) for name, _, counts in rows if counts}
