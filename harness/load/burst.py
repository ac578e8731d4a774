"""The results of a request and of a burst, and the recorder that makes a burst from requests."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.load.http_answer import Answer
from harness.model.http import OTHER_KEYS, AnswerShape

TIMEOUT = "timeout"


class Exchange(NamedTuple):
    """The result of one request. `comparable` is False if a kept connection had to be opened for it.

    `connected`: whether it opened a connection, or tried to. `answer` is what was received, if anything.
    """

    start_ns: int
    end_ns: int
    fault: str | None
    comparable: bool = True
    connected: bool = True
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Burst:
    """The correctly answered timed requests in order of sending; `positions` count from 0 after settling.

    `failures` counts failed requests by kind, with those of settling; other JSON keys in the last answer, the only one
    that is checked for them, add one. A request that had to open a kept connection is in neither. `connections` is the
    number of attempts to connect, `sent` that of all requests. `interval_ns` is the mean time between the starts of
    requests; 0 if each just follows the previous one. `late_ns` is actual minus intended send time, if there is one.
    """

    positions: tuple[int, ...]
    start_ns: tuple[int, ...]
    latency_ns: tuple[int, ...]
    failures: Mapping[str, int]
    connections: int = 0
    sent: int = 0
    interval_ns: float = 0.0
    late_ns: tuple[int, ...] = ()


@dataclass(slots=True)
class BurstRecorder:
    """Records the requests of a visit. Tickets below 0 are warm-up requests; those from `timed` on keep the load up."""

    timed: int
    proved: AnswerShape | None = None  # the last right answer must have its keys
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

    def add(self, ticket: int, exchange: Exchange) -> None:
        """Add a completed request."""
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

    def burst(self, interval_ns: float = 0.0, meant_ns: Sequence[int] = ()) -> Burst:
        """Return the burst; `meant_ns` are the intended send times of the timed requests, if they have any."""
        in_order = sorted(self.good)
        if self.last and self.proved and self.last.has_other_keys(self.proved):  # too slow to check for each answer
            self.failures[OTHER_KEYS] += 1
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
