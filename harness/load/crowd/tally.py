"""Gathers the requests of a visit as they end, and puts them in order of sending."""

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
    """Tickets below 0 are settling, those from `timed` on only keep the load up to the end."""

    timed: int
    opening_counts: bool = False  # whether requests are timed that had to open a connection which is kept otherwise
    missing: int = field(init=False)
    good: list[tuple[int, int, int]] = field(default_factory=list)  # ticket, start, end
    last: Answer | None = None  # of those that were right
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
            return
        self.last = seen.answer
        if is_timed and (seen.comparable or self.opening_counts):
            self.good.append((ticket, seen.start_ns, seen.end_ns))

    def burst(self, interval_ns: float, meant_ns: Sequence[int] = (), proved: AnswerShape | None = None) -> Burst:
        """`meant_ns` are when timed requests were meant to be sent, in their order."""
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
