"""Gathers the requests of a visit as they end, and puts them in order of sending."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.load.client import Burst
from harness.load.crowd.loop import Ended
from harness.load.faults import TIMEOUT


@dataclass(slots=True)
class Tally:
    """Tickets below 0 are settling, those from `timed` on only keep the load up to the end."""

    timed: int
    opening_counts: bool = False  # whether requests are timed that had to open a connection which is kept otherwise
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
        elif is_timed and (seen.comparable or self.opening_counts):
            self.good.append(ended)

    def burst(self, interval_ns: float, meant_ns: Sequence[int] = ()) -> Burst:
        """`meant_ns` are when timed requests were meant to be sent, in their order."""
        in_order = sorted(self.good)
        return Burst(
            positions=tuple(ticket for ticket, _ in in_order),
            start_ns=tuple(seen.start_ns for _, seen in in_order),
            latency_ns=tuple(seen.end_ns - seen.start_ns for _, seen in in_order),
            failures=dict(self.failures),
            connections=self.connections,
            sent=self.sent,
            interval_ns=interval_ns,
            late_ns=tuple(seen.start_ns - meant_ns[ticket] for ticket, seen in in_order) if meant_ns else (),
        )
