"""Record the requests of a visit as they complete, and sort them by their time of sending."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.load.answer import Answer
from harness.load.client import Burst, faults_of_sample
from harness.load.crowd.loop import Ended
from harness.load.faults import TIMEOUT
from harness.model.answers import AnswerShape


@dataclass(slots=True)
class Tally:
    """The completed requests of a visit. Tickets below 0 are settling; those from `timed` on only keep the load up."""

    timed: int
    opening_counts: bool = False  # whether requests that had to open a kept connection are timed
    missing: int = field(init=False)
    good: list[tuple[int, int, int]] = field(default_factory=list)  # ticket, start, end
    last: Answer | None = None  # the last right one
    failures: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self.missing = self.timed

    @property
    def timed_out(self) -> bool:
        """Return whether a request has timed out."""
        return self.failures[TIMEOUT] > 0

    def add(self, completed: Ended) -> None:
        """Add a completed request."""
        ticket, exchange = completed
        self.sent += 1
        self.connections += exchange.connected
        is_timed = 0 <= ticket < self.timed
        self.missing -= is_timed
        if exchange.fault:
            self.failures[exchange.fault] += 1
            return
        self.last = exchange.answer
        if is_timed and (exchange.comparable or self.opening_counts):
            self.good.append((ticket, exchange.start_ns, exchange.end_ns))

    def burst(self, interval_ns: float, meant_ns: Sequence[int] = (), proved: AnswerShape | None = None) -> Burst:
        """Return the burst; `meant_ns` are the intended send times of the timed requests, if they have any."""
        in_order = sorted(self.good)
        self.failures.update(faults_of_sample(self.last, proved))
        return Burst(
            positions=tuple(ticket for ticket, _, _ in in_order),
            start_ns=tuple(start_ns for _, start_ns, _ in in_order),
            latency_ns=tuple(end_ns - start_ns for _, start_ns, end_ns in in_order),
            failures=dict(self.failures),
            connections=self.connections,
            sent=self.sent,
            interval_ns=interval_ns,
            late_ns=tuple(start_ns - meant_ns[ticket] for ticket, start_ns, _ in in_order) if meant_ns else (),
        )
