"""Run pending requests on many connections with epoll, and return the completed ones."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import NamedTuple

from harness.load.client import endpoint_of, request_of
from harness.load.crowd.line import Line, Waiting
from harness.load.exchange import Endpoint, Exchange
from harness.load.faults import TIMEOUT, kind_of
from harness.model import Target
from harness.model.answers import AnswerShape


@dataclass(slots=True)
class Underway:
    """A pending request; `ticket` is the caller's number for it."""

    ticket: int
    line: Line
    waiting: Waiting
    deadline_ns: int


class Ended(NamedTuple):
    """A completed request; `ticket` is the caller's number for it."""

    ticket: int
    seen: Exchange


@contextmanager
def crowd(target: Target) -> Iterator["Crowd"]:
    """Yield a pool of connections to `target`, and close them in the end."""
    pool = Crowd(endpoint_of(target), request_of(target), kept=target.keepalive)
    try:
        yield pool
    finally:
        pool.close()


class Crowd:
    """A pool of connections; if they are kept, the most recently used one serves the next request."""

    def __init__(self, endpoint: Endpoint, request: bytes, *, kept: bool) -> None:
        self._endpoint = endpoint
        self._request = request
        self._kept = kept
        self._epoll = select.epoll()
        self._idle: list[Line] = []
        self._underway: dict[int, Underway] = {}  # by descriptor; the oldest first
        self._ended: list[Ended] = []

    def __len__(self) -> int:
        """Return the number of pending requests."""
        return len(self._underway)

    @property
    def proved(self) -> AnswerShape | None:
        """Return the shape of a right answer."""
        return self._endpoint.proved

    def close(self) -> None:
        """Close all connections."""
        self.abandon()
        for line in self._idle:
            line.close()
        self._epoll.close()

    def abandon(self) -> None:
        """Cancel the pending requests, and close their connections."""
        for request in self._underway.values():
            request.line.close()
        self._underway.clear()
        self._ended.clear()

    def keep(self, connections: int) -> None:
        """Keep at most so many idle connections, and close those that were idle longest."""
        surplus, self._idle = self._idle[:-connections], self._idle[-connections:]
        for line in surplus:
            line.close()

    def begin(self, ticket: int) -> None:
        """Start a request."""
        line = self._idle.pop() if self._idle else Line(self._endpoint, self._request, kept=self._kept)
        self._advance(Underway(ticket, line, line.ask(), perf_counter_ns() + self._endpoint.timeout_ns))

    def ended(self, until_ns: int | None = None) -> list[Ended]:
        """Wait for completed requests and return them; none at `until_ns`, or if no request is pending."""
        while not self._ended and self._may_wait(until_ns):
            for descriptor, _ in self._events(until_ns):
                self._wake(descriptor)
            self._end_overdue()
        ended, self._ended = self._ended, []
        return ended

    def _may_wait(self, until_ns: int | None) -> bool:
        return bool(self._underway) if until_ns is None else perf_counter_ns() < until_ns

    def _events(self, until_ns: int | None) -> list[tuple[int, int]]:
        """Return the ready descriptors. epoll waits for whole milliseconds only, so select waits on the epoll."""
        if until_ns is None:
            return self._epoll.poll(self._patience_s())
        left_s = max(until_ns - perf_counter_ns(), 0) / 1e9
        ready, _, _ = select.select([self._epoll], [], [], min(left_s, self._patience_s()))
        return self._epoll.poll(0) if ready else []

    def _patience_s(self) -> float:
        """Return the seconds until the oldest pending request times out."""
        oldest = next(iter(self._underway.values()), None)
        return max(oldest.deadline_ns - perf_counter_ns(), 0) / 1e9 if oldest else self._endpoint.timeout_s

    def _wake(self, descriptor: int) -> None:
        if descriptor in self._underway:
            self._advance(self._underway[descriptor])
            return
        for line in [line for line in self._idle if line.descriptor == descriptor]:  # the server has closed it
            self._idle.remove(line)
            line.close()

    def _advance(self, request: Underway) -> None:
        before = request.line.descriptor
        try:
            mask = next(request.waiting)
        except StopIteration as end:
            self._end(request, before, end.value)
        except OSError as error:
            self._end(request, before, Exchange(0, 0, kind_of(error)))
        else:
            self._watch(request, before, mask)

    def _watch(self, request: Underway, before: int, mask: int) -> None:
        line = request.line
        if line.descriptor != before:
            self._underway.pop(before, None)
        self._underway[line.descriptor] = request
        if line.watched == 0:
            self._epoll.register(line.descriptor, mask)
        elif line.watched != mask:
            self._epoll.modify(line.descriptor, mask)
        line.watched = mask

    def _end(self, request: Underway, descriptor: int, exchange: Exchange) -> None:
        self._underway.pop(descriptor, None)
        self._ended.append(Ended(request.ticket, exchange))
        if request.line.is_open:
            self._idle.append(request.line)

    def _end_overdue(self) -> None:
        now_ns = perf_counter_ns()
        while self._underway:
            descriptor, oldest = next(iter(self._underway.items()))
            if oldest.deadline_ns > now_ns:
                return
            oldest.line.close()
            self._end(oldest, descriptor, Exchange(0, 0, TIMEOUT))
