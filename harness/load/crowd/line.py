"""Send requests over one connection as coroutines that yield whenever they would have to wait."""

import errno
import os
import socket
import ssl
from collections.abc import Callable, Generator
from select import EPOLLIN, EPOLLOUT
from time import perf_counter_ns

from harness.load.answer import Answer
from harness.load.exchange import CLOSED_BY_SERVER, PIECE_BYTES, Endpoint, Exchange

Waiting = Generator[int, None, Exchange]  # yields the event to wait for: EPOLLIN or EPOLLOUT


class Line:
    """A connection to `endpoint`, opened when needed. When `ask()` raises OSError, the connection is closed."""

    def __init__(self, endpoint: Endpoint, request: bytes, *, kept: bool) -> None:
        self._endpoint = endpoint
        self._request = request
        self._kept = kept
        self.sock: socket.socket | None = None
        self.watched = 0  # the events that the loop waits for

    @property
    def is_open(self) -> bool:
        """Return whether the connection is open."""
        return self.sock is not None

    @property
    def descriptor(self) -> int:
        """Return the file descriptor; -1 if closed."""
        return self.sock.fileno() if self.sock else -1

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self.sock:
            self.sock.close()
        self.sock, self.watched = None, 0

    def ask(self) -> Waiting:
        """Send one request and read its answer; the timing is the same as in the sequential client."""
        try:
            return (yield from self._on_kept() if self._kept else self._on_own())
        except OSError:
            self.close()
            raise

    def _on_own(self) -> Waiting:
        """Exchange over a new connection; the time is from before connecting to the last byte."""
        answer = Answer(to_close=True)
        sock = self._opened()
        start_ns = end_ns = perf_counter_ns()
        yield from self._connect(sock)
        yield from _waited(EPOLLOUT, sock.send, self._request)
        while True:
            yield EPOLLIN
            piece = yield from _received(sock)
            if not piece:
                break
            end_ns = perf_counter_ns()
            if answer.add(piece):
                break
        self.close()
        return Exchange(start_ns, end_ns, answer.fault(self._endpoint.proved), answer=answer)

    def _on_kept(self) -> Waiting:
        """Exchange over the kept connection; a request that has to open it is timed with that, and not comparable."""
        start_ns = perf_counter_ns()
        if self.sock:
            exchange = yield from self._on_standing(self.sock)
            if exchange:
                return exchange
            self.close()
        sock = self._opened()
        yield from self._connect(sock)
        exchange = yield from self._on_standing(sock)
        if exchange is None:
            self.close()
            return Exchange(0, 0, "no answer", comparable=False)
        lost = None if self.sock else "connection not kept"
        return exchange._replace(start_ns=start_ns, fault=exchange.fault or lost, comparable=False, connected=True)

    def _on_standing(self, sock: socket.socket) -> Generator[int, None, Exchange | None]:
        """Return the exchange; None if the server closed the connection before the first byte of the answer."""
        answer = Answer()
        start_ns = end_ns = perf_counter_ns()
        try:
            yield from _waited(EPOLLOUT, sock.send, self._request)
            while True:
                yield EPOLLIN
                piece = yield from _received(sock)
                end_ns = perf_counter_ns() if piece else end_ns
                if not piece or answer.add(piece):
                    break
        except CLOSED_BY_SERVER:
            if answer.received_bytes:
                raise
        if not answer.received_bytes:
            return None
        fault = answer.fault(self._endpoint.proved)
        if fault or answer.closes:
            self.close()
        return Exchange(start_ns, end_ns, fault, connected=False, answer=answer)

    def _opened(self) -> socket.socket:
        self.sock = self._endpoint.unblocked()
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
            yield from _waited(EPOLLIN, sock.do_handshake)


def _waited(event: int, act: Callable[..., object], *arguments: object) -> Generator[int, None, object]:
    """Return `act(*arguments)`, after waiting for `event` as often as it would block."""
    while True:
        try:
            return act(*arguments)
        except (BlockingIOError, ssl.SSLWantReadError):
            yield event
        except ssl.SSLWantWriteError:
            yield EPOLLOUT


def _received(sock: socket.socket) -> Generator[int, None, bytes]:
    piece = yield from _waited(EPOLLIN, sock.recv, PIECE_BYTES)
    assert isinstance(piece, bytes)
    return piece
