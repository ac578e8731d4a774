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


def segments(snmp: str) -> dict[str, int]:
    return chosen(table(snmp), TCP)


def events(netstat: str) -> dict[str, int]:
    return chosen(table(netstat), TCP_MORE)


def packets(dev: str) -> dict[str, int]:
    """`    lo: bytes packets errs drop ...`: what was sent on lo is received there."""
    fields = next((line.split(":")[1].split() for line in dev.splitlines() if line.strip().startswith("lo:")), None)
    return {"lo_packets": int(fields[1])} if fields else {}
