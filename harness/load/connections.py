"""Many connections of one client, served by one epoll loop."""

import errno
import os
import select
import socket
import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from select import EPOLLIN, EPOLLOUT
from time import perf_counter_ns
from typing import TypeVar

from harness.load.burst import TIMEOUT, Exchange
from harness.load.client import (
    CLOSED_BY_SERVER,
    PIECE_BYTES,
    Connection,
    Endpoint,
    endpoint_of,
    fault_kind,
)
from harness.load.http_answer import Answer
from harness.model import Target

T = TypeVar("T")
PendingExchange = Generator[int, None, Exchange]  # yields the event to wait for: EPOLLIN or EPOLLOUT


class PooledConnection(Connection):
    """A connection whose exchanges are generators. The pool closes it when one raises OSError."""

    waiting: PendingExchange  # of the pending request
    ticket = 0  # the caller's number for it
    deadline_ns = 0
    watched = 0  # the events that the loop waits for

    @property
    def descriptor(self) -> int:
        """Return the file descriptor; -1 if closed."""
        return self.sock.fileno() if self.sock else -1

    def close(self) -> None:
        """Close the connection, if it is open."""
        super().close()
        self.watched = 0

    def exchange_once(self) -> PendingExchange:
        """Exchange over a new connection; the time is from before connecting to the last byte, as in the client."""
        answer = Answer(to_close=True)
        sock = self._open()
        start_ns = perf_counter_ns()
        yield from self._connect(sock)
        end_ns = yield from self._send_and_receive(sock, answer, start_ns)
        self.close()
        return Exchange(start_ns, end_ns, answer.fault(self._endpoint.proved), answer=answer)

    def exchange(self) -> PendingExchange:
        """Exchange over the kept connection; the time of a request that has to open it includes that."""
        start_ns = perf_counter_ns()
        exchange = (yield from self._exchange_on(self.sock)) if self.sock else None
        if exchange:
            return exchange
        sock = self._open()
        yield from self._connect(sock)
        exchange = yield from self._exchange_on(sock)
        return self._judge_opening(exchange and exchange._replace(start_ns=start_ns))

    def _exchange_on(self, sock: socket.socket) -> Generator[int, None, Exchange | None]:
        answer = Answer()
        start_ns = end_ns = perf_counter_ns()
        try:
            end_ns = yield from self._send_and_receive(sock, answer, start_ns)
        except CLOSED_BY_SERVER:
            if answer.received_bytes:
                raise
        return self._judge(start_ns, end_ns, answer)

    def _send_and_receive(self, sock: socket.socket, answer: Answer, end_ns: int) -> Generator[int, None, int]:
        """Send the request and read into `answer` until it is complete; return the time of its last byte."""
        yield from _wait_for(EPOLLOUT, sock.send, self._request)
        while True:
            yield EPOLLIN
            piece = yield from _wait_for(EPOLLIN, sock.recv, PIECE_BYTES)
            if not piece:
                return end_ns
            end_ns = perf_counter_ns()
            if answer.add(piece):
                return end_ns

    def _open(self) -> socket.socket:
        self.sock = self._endpoint.open_nonblocking_socket()
        return self.sock

    def _connect(self, sock: socket.socket) -> Generator[int, None, None]:
        code = sock.connect_ex(self._endpoint.address)
        if code == errno.EINPROGRESS:
            yield EPOLLOUT
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == errno.EAGAIN:  # the backlog of a Unix socket is full: waiting would not help
            raise ConnectionRefusedError(code, os.strerror(code))
        if code:
            raise OSError(code, os.strerror(code))
        if isinstance(sock, ssl.SSLSocket):
            yield from _wait_for(EPOLLIN, sock.do_handshake)


def _wait_for(event: int, act: Callable[..., T], *arguments: object) -> Generator[int, None, T]:
    """Return `act(*arguments)`, after waiting for `event` as often as it would block."""
    while True:
        try:
            return act(*arguments)
        except (BlockingIOError, ssl.SSLWantReadError):
            yield event
        except ssl.SSLWantWriteError:
            yield EPOLLOUT


@contextmanager
def open_pool(target: Target) -> Iterator["ConnectionPool"]:
    """Yield a pool of connections to `target`, and close them in the end."""
    pool = ConnectionPool(endpoint_of(target), kept=target.keepalive)
    try:
        yield pool
    finally:
        pool.close()


class ConnectionPool:
    """A pool of connections; if they are kept, the most recently used one serves the next request."""

    def __init__(self, endpoint: Endpoint, *, kept: bool) -> None:
        self.endpoint = endpoint
        self._kept = kept
        self._epoll = select.epoll()
        self._idle: list[PooledConnection] = []
        self._pending: dict[int, PooledConnection] = {}  # by descriptor; the oldest first
        self._completed: list[tuple[int, Exchange]] = []  # with their ticket

    def __len__(self) -> int:
        """Return the number of pending requests."""
        return len(self._pending)

    def close(self) -> None:
        """Close all connections."""
        self.cancel_pending()
        for line in self._idle:
            line.close()
        self._epoll.close()

    def cancel_pending(self) -> None:
        """Cancel the pending requests, and close their connections."""
        for line in self._pending.values():
            line.close()
        self._pending.clear()
        self._completed.clear()

    def trim_idle(self, connections: int) -> None:
        """Keep at most so many idle connections, and close those that were idle longest."""
        surplus, self._idle = self._idle[:-connections], self._idle[-connections:]
        for line in surplus:
            line.close()

    def start_request(self, ticket: int) -> None:
        """Start a request."""
        line = self._idle.pop() if self._idle else PooledConnection(self.endpoint)
        line.ticket, line.waiting = ticket, line.exchange() if self._kept else line.exchange_once()
        line.deadline_ns = perf_counter_ns() + self.endpoint.timeout_ns
        self._advance(line)

    def wait_for_completed(self, until_ns: int | None = None) -> list[tuple[int, Exchange]]:
        """Wait for completed requests; return them with their tickets. None at `until_ns`, or if none is pending."""
        while not self._completed and (self._pending if until_ns is None else perf_counter_ns() < until_ns):
            for descriptor, _ in self._events(until_ns):
                self._wake(descriptor)
            self._end_overdue()
        completed, self._completed = self._completed, []
        return completed

    def _events(self, until_ns: int | None) -> list[tuple[int, int]]:
        """Return the ready descriptors. epoll waits for whole milliseconds only, so select waits on the epoll."""
        if until_ns is None:
            return self._epoll.poll(self._patience_s())
        left_s = max(until_ns - perf_counter_ns(), 0) / 1e9
        ready, _, _ = select.select([self._epoll], [], [], min(left_s, self._patience_s()))
        return self._epoll.poll(0) if ready else []

    def _patience_s(self) -> float:
        """Return the seconds until the oldest pending request times out."""
        oldest = next(iter(self._pending.values()), None)
        return max(oldest.deadline_ns - perf_counter_ns(), 0) / 1e9 if oldest else self.endpoint.timeout_s

    def _wake(self, descriptor: int) -> None:
        if descriptor in self._pending:
            self._advance(self._pending[descriptor])
            return
        for line in [line for line in self._idle if line.descriptor == descriptor]:  # the server has closed it
            self._idle.remove(line)
            line.close()

    def _advance(self, line: PooledConnection) -> None:
        before = line.descriptor
        try:
            mask = next(line.waiting)
        except StopIteration as end:
            self._end(line, before, end.value)
        except OSError as error:
            line.close()
            self._end(line, before, Exchange(0, 0, fault_kind(error)))
        else:
            self._watch(line, before, mask)

    def _watch(self, line: PooledConnection, before: int, mask: int) -> None:
        if line.descriptor != before:
            self._pending.pop(before, None)
        self._pending[line.descriptor] = line
        if line.watched == 0:
            self._epoll.register(line.descriptor, mask)
        elif line.watched != mask:
            self._epoll.modify(line.descriptor, mask)
        line.watched = mask

    def _end(self, line: PooledConnection, descriptor: int, exchange: Exchange) -> None:
        self._pending.pop(descriptor, None)
        self._completed.append((line.ticket, exchange))
        if line.sock:
            self._idle.append(line)

    def _end_overdue(self) -> None:
        now_ns = perf_counter_ns()
        while self._pending:
            descriptor, oldest = next(iter(self._pending.items()))
            if oldest.deadline_ns > now_ns:
                return
            oldest.close()
            self._end(oldest, descriptor, Exchange(0, 0, TIMEOUT))
