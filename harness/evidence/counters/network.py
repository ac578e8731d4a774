"""Counters of a network namespace: connections, segments, what went wrong, packets on the loopback interface.

Documentation/networking/snmp_counter.rst.
"""

from pathlib import Path

from harness.evidence.counters.source import Source, chosen, table

WHOSE = "net"
TCP = {
    "Tcp.ActiveOpens": "active_opens",
    "Tcp.PassiveOpens": "passive_opens",
    "Tcp.InSegs": "segments_in",
    "Tcp.OutSegs": "segments_out",
    "Tcp.RetransSegs": "retransmits",
}
TCP_MORE = {
    "TcpExt.DelayedACKs": "delayed_acks",
    "TcpExt.TW": "time_wait",
    "TcpExt.ListenOverflows": "listen_overflows",
}


def sources(net: Path) -> list[Source]:
    """`net` is the /proc/PID/net of a process in the namespace."""
    return [
        Source(net / "snmp", WHOSE, segments, "TCP connections and segments are not known."),
        Source(net / "netstat", WHOSE, events, "Delayed acknowledgements and TIME_WAIT are not known."),
        Source(net / "dev", WHOSE, packets, "Packets on the loopback interface are not known."),
    ]


def rung_sources(net: Path) -> list[Source]:
    """The same of a network that lies on the way of a rung, where all packets are those of one connection's way."""
    *tcp, _ = sources(net)
    return [*tcp, Source(net / "dev", WHOSE, rung_packets, "Packets on the rung's links are not known.")]


def segments(snmp: str) -> dict[str, int]:
    return chosen(table(snmp), TCP)


def events(netstat: str) -> dict[str, int]:
    return chosen(table(netstat), TCP_MORE)


def packets(dev: str) -> dict[str, int]:
    """What was sent on lo is received there."""
    found = received(dev)
    return {"lo_packets": found["lo"]} if "lo" in found else {}


def rung_packets(dev: str) -> dict[str, int]:
    """Those of the virtual links too: each link and bridge that a packet comes in by counts it."""
    links = sum(count for name, count in received(dev).items() if name != "lo")
    return packets(dev) | {"link_packets": links}


def received(dev: str) -> dict[str, int]:
    """`    lo: bytes packets errs drop ...` below two lines of names: the packets that came in, by interface."""
    rows = (line.partition(":") for line in dev.splitlines() if "|" not in line)
    return {name.strip(): int(counts.split()[1]) for name, _, counts in rows if counts}
