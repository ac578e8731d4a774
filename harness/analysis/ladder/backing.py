"""Counters behind a ladder step: differences per request in CPU time, switches, packets."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from harness.analysis.effects import Pair
from harness.analysis.why.per_session import Centre, Value, amount, difference
from harness.model import SERVER_ROLES, Amount, Record, VisitRow

LINK_PACKETS = "net.link_packets"


def backing(records: Sequence[Record], pair: Pair) -> dict[str, Amount]:
    """Return the differences by name, in the order of the report, without those that were not counted."""
    intervals = {name: amount(difference(records, pair, value, centre)) for name, (value, centre) in QUANTITIES.items()}
    return {name: interval for name, interval in intervals.items() if interval}


def _cpu_us(visit: VisitRow) -> float | None:
    """Return the CPU time of the servers, including a relay that counts as one of them."""
    return sum(visit.cpu_us.get(role, 0.0) for role in SERVER_ROLES) if visit.cpu_us else None


def _counted(names: Sequence[str], visit: VisitRow) -> float | None:
    """Return the sum of counters if all of them were read."""
    return sum(visit.counters[name] for name in names) if set(names) <= visit.counters.keys() else None


def _link_packets(visit: VisitRow) -> float | None:
    """Return the packets over links, 0 without links; None if the network was not read."""
    return visit.counters.get(LINK_PACKETS, 0.0) if "net.segments_out" in visit.counters else None


def _sum(*names: str) -> Value:
    return partial(_counted, names)


QUANTITIES: Mapping[str, tuple[Callable[[VisitRow], float | None], Centre]] = {
    "cpu_us": (_cpu_us, "trimmed"),
    "waiting_us": (_sum(*(f"{role}.wait_us" for role in SERVER_ROLES)), "trimmed"),
    "switches": (_sum(*(f"{role}.voluntary" for role in SERVER_ROLES)), "mean"),
    "segments": (_sum("net.segments_out"), "mean"),
    "lo_packets": (_sum("net.lo_packets"), "mean"),
    "link_packets": (_link_packets, "mean"),
    "softirqs": (_sum("host.net_rx"), "mean"),
}
