"""Gathers the requests of a visit as they end, and puts them in order of sending."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.load.client import Burst
from harness.load.crowd.loop import Ended
from harness.load.faults import TIMEOUT


@dataclass(slots=True)
class Tally:
    """Tickets below 0 are settling, those from `timed` on only keep the load up to the end."""

    timed: int
    missing: int = field(init=False)
    good: list[Ended] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self.missing = self.timed

    @property
    def timed_out(self) -> bool:
        return self.failures[TIMEOUT] > 0

    def add(self, ended: Ended) -> None:
        ticket, seen = ended
        self.sent += 1
        self.connections += seen.connected
        is_timed = 0 <= ticket < self.timed
        self.missing -= is_timed
        if seen.fault:
            self.failures[seen.fault] += 1
        elif seen.comparable and is_timed:
            self.good.append(ended)

    def burst(self, interval_ns: float, late_ns: Mapping[int, int] | None = None) -> Burst:
        """`late_ns` is by ticket."""
        in_order = sorted(self.good)
        return Burst(
            positions=tuple(ticket for ticket, _ in in_order),
            start_ns=tuple(seen.start_ns for _, seen in in_order),
            latency_ns=tuple(seen.end_ns - seen.start_ns for _, seen in in_order),
            failures=dict(self.failures),
            connections=self.connections,
            sent=self.sent,
            interval_ns=interval_ns,
            late_ns=tuple(late_ns[ticket] for ticket, _ in in_order) if late_ns else (),
        )
