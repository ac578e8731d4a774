"""One connection as a coroutine of the loop: it asks, gives way wherever it would have to wait, and ends."""

import errno
import os
import socket
import ssl
from collections.abc import Callable, Generator
from select import EPOLLIN, EPOLLOUT
from time import perf_counter_ns

from harness.load.answer import Answer
from harness.load.exchange import CLOSED_BY_SERVER, PIECE_BYTES, Endpoint, Exchange

Waiting = Generator[int, None, Exchange]  # yields what it waits for: EPOLLIN or EPOLLOUT


class Line:
    """A connection to `endpoint`, opened when first needed. `ask()` raises OSError, and the line is closed then."""

    def __init__(self, endpoint: Endpoint, request: bytes, *, kept: bool) -> None:
        self._endpoint = endpoint
        self._request = request
        self._kept = kept
        self.sock: socket.socket | None = None
        self.watched = 0  # what the loop waits for on it

    @property
    def is_open(self) -> bool:
        return self.sock is not None

    @property
    def descriptor(self) -> int:
        """-1: closed."""
        return self.sock.fileno() if self.sock else -1

    def close(self) -> None:
        if self.sock:
            self.sock.close()
        self.sock, self.watched = None, 0

    def ask(self) -> Waiting:
        """One request and its answer, timed as those of a client that does nothing else."""
        try:
            return (yield from self._on_kept() if self._kept else self._on_own())
        except OSError:
            self.close()
            raise

    def _on_own(self) -> Waiting:
        """The time includes connecting, and ends with the last byte before the server closes."""
        got = Answer(to_close=True)
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
            if got.add(piece):
                break
        self.close()
        return Exchange(start_ns, end_ns, got.fault(self._endpoint.proved), answer=got)

    def _on_kept(self) -> Waiting:
        """Over a connection that stands; a request that had to open one counts from before, and is not comparable."""
        start_ns = perf_counter_ns()
        if self.sock:
            seen = yield from self._on_standing(self.sock)
            if seen:
                return seen
            self.close()
        sock = self._opened()
        yield from self._connect(sock)
        seen = yield from self._on_standing(sock)
        if seen is None:
            self.close()
            return Exchange(0, 0, "no answer", comparable=False)
        lost = None if self.sock else "connection not kept"
        return seen._replace(start_ns=start_ns, fault=seen.fault or lost, comparable=False, connected=True)

    def _on_standing(self, sock: socket.socket) -> Generator[int, None, Exchange | None]:
        """None: the server closed the connection before a byte of the answer came."""
        got = Answer()
        start_ns = end_ns = perf_counter_ns()
        try:
            yield from _waited(EPOLLOUT, sock.send, self._request)
            while True:
                yield EPOLLIN
                piece = yield from _received(sock)
                end_ns = perf_counter_ns() if piece else end_ns
                if not piece or got.add(piece):
                    break
        except CLOSED_BY_SERVER:
            if got.received_bytes:
                raise
        if not got.received_bytes:
            return None
        fault = got.fault(self._endpoint.proved)
        if fault or got.closes:
            self.close()
        return Exchange(start_ns, end_ns, fault, connected=False, answer=got)

    def _opened(self) -> socket.socket:
        self.sock = self._endpoint.unblocked()
        return self.sock

    def _connect(self, sock: socket.socket) -> Generator[int, None, None]:
        code = sock.connect_ex(self._endpoint.address)
        if code == errno.EINPROGRESS:
            yield EPOLLOUT
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == errno.EAGAIN:  # the full backlog of a Unix socket, which is no reason to wait
            raise ConnectionRefusedError(code, os.strerror(code))
        if code:
            raise OSError(code, os.strerror(code))
        if isinstance(sock, ssl.SSLSocket):
            yield from _waited(EPOLLIN, sock.do_handshake)


def _waited(for_what: int, act: Callable[..., object], *arguments: object) -> Generator[int, None, object]:
    """What `act` gives, once the connection lets it."""
    while True:
        try:
            return act(*arguments)
        except (BlockingIOError, ssl.SSLWantReadError):
            yield for_what
        except ssl.SSLWantWriteError:
            yield EPOLLOUT


def _received(sock: socket.socket) -> Generator[int, None, bytes]:
    piece = yield from _waited(EPOLLIN, sock.recv, PIECE_BYTES)
    assert isinstance(piece, bytes)
    return piece
