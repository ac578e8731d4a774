"""The loop over the connections under way: it waits for what comes first, and gives the requests that have ended."""

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
    ticket: int
    line: Line
    waiting: Waiting
    deadline_ns: int


class Ended(NamedTuple):
    """`ticket` is what the sender of the request knows it by."""

    ticket: int
    seen: Exchange


@contextmanager
def crowd(target: Target) -> Iterator["Crowd"]:
    """Requests of `target`, any number at a time; on leaving, their connections are closed."""
    one = Crowd(endpoint_of(target), request_of(target), kept=target.keepalive)
    try:
        yield one
    finally:
        one.close()


class Crowd:
    """Where connections are kept, each serves one request after the other, the last used first."""

    def __init__(self, endpoint: Endpoint, request: bytes, *, kept: bool) -> None:
        self._endpoint = endpoint
        self._request = request
        self._kept = kept
        self._epoll = select.epoll()
        self._idle: list[Line] = []
        self._underway: dict[int, Underway] = {}  # by descriptor; the oldest first
        self._ended: list[Ended] = []

    def __len__(self) -> int:
        """How many requests are under way."""
        return len(self._underway)

    @property
    def proved(self) -> AnswerShape | None:
        """What a right answer is like."""
        return self._endpoint.proved

    def close(self) -> None:
        self.abandon()
        for line in self._idle:
            line.close()
        self._epoll.close()

    def abandon(self) -> None:
        """Let go of the requests under way, with their connections."""
        for one in self._underway.values():
            one.line.close()
        self._underway.clear()
        self._ended.clear()

    def keep(self, connections: int) -> None:
        """Close those beyond so many that nobody uses, the ones that have waited longest."""
        surplus, self._idle = self._idle[:-connections], self._idle[-connections:]
        for line in surplus:
            line.close()

    def begin(self, ticket: int) -> None:
        line = self._idle.pop() if self._idle else Line(self._endpoint, self._request, kept=self._kept)
        self._advance(Underway(ticket, line, line.ask(), perf_counter_ns() + self._endpoint.timeout_ns))

    def ended(self, until_ns: int | None = None) -> list[Ended]:
        """Those that have ended, once there is one; or none, when it is `until_ns` or nothing is under way."""
        while not self._ended and self._may_wait(until_ns):
            for descriptor, _ in self._events(until_ns):
                self._wake(descriptor)
            self._end_overdue()
        ended, self._ended = self._ended, []
        return ended

    def _may_wait(self, until_ns: int | None) -> bool:
        return bool(self._underway) if until_ns is None else perf_counter_ns() < until_ns

    def _events(self, until_ns: int | None) -> list[tuple[int, int]]:
        """What is ready; epoll waits for whole milliseconds only, and select, for an epoll, to the microsecond."""
        if until_ns is None:
            return self._epoll.poll(self._patience_s())
        left_s = max(until_ns - perf_counter_ns(), 0) / 1e9
        ready, _, _ = select.select([self._epoll], [], [], min(left_s, self._patience_s()))
        return self._epoll.poll(0) if ready else []

    def _patience_s(self) -> float:
        """Until the oldest request under way has had its time."""
        oldest = next(iter(self._underway.values()), None)
        return max(oldest.deadline_ns - perf_counter_ns(), 0) / 1e9 if oldest else self._endpoint.timeout_s

    def _wake(self, descriptor: int) -> None:
        if descriptor in self._underway:
            self._advance(self._underway[descriptor])
            return
        for line in [line for line in self._idle if line.descriptor == descriptor]:  # the server has closed it
            self._idle.remove(line)
            line.close()

    def _advance(self, one: Underway) -> None:
        before = one.line.descriptor
        try:
            mask = next(one.waiting)
        except StopIteration as end:
            self._end(one, before, end.value)
        except OSError as error:
            self._end(one, before, Exchange(0, 0, kind_of(error)))
        else:
            self._watch(one, before, mask)

    def _watch(self, one: Underway, before: int, mask: int) -> None:
        line = one.line
        if line.descriptor != before:
            self._underway.pop(before, None)
        self._underway[line.descriptor] = one
        if line.watched == 0:
            self._epoll.register(line.descriptor, mask)
        elif line.watched != mask:
            self._epoll.modify(line.descriptor, mask)
        line.watched = mask

    def _end(self, one: Underway, descriptor: int, seen: Exchange) -> None:
        self._underway.pop(descriptor, None)
        self._ended.append(Ended(one.ticket, seen))
        if one.line.is_open:
            self._idle.append(one.line)

    def _end_overdue(self) -> None:
        now_ns = perf_counter_ns()
        while self._underway:
            descriptor, oldest = next(iter(self._underway.items()))
            if oldest.deadline_ns > now_ns:
                return
            oldest.line.close()
            self._end(oldest, descriptor, Exchange(0, 0, TIMEOUT))
