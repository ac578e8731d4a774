"""Exchange one request and answer over a socket, timed to the last byte, and checked after the clock was read."""

import socket
import ssl
import struct
from dataclasses import dataclass
from time import perf_counter_ns
from typing import NamedTuple

from harness.load.answer import Answer
from harness.model.answers import AnswerShape

PIECE_BYTES = 65536
SLOW_SHARE = 0.1  # of the timeout; later, the remaining time is set before each wait
CLOSED_BY_SERVER = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError)


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
class Endpoint:
    """The other end of a connection: `address` is an IP address and a port, or the path of a Unix socket.

    `timeout_s` limits a whole exchange. With `tls`, the certificate must be for `name`. `proved` is the shape of a
    right answer.
    """

    address: tuple[str, int] | str
    timeout_s: float
    tls: ssl.SSLContext | None
    name: str = ""
    proved: AnswerShape | None = None

    @property
    def timeout_ns(self) -> int:
        """Return the timeout in nanoseconds."""
        return int(self.timeout_s * 1e9)

    def unconnected(self) -> socket.socket:
        """Return a socket whose connect() includes the TLS handshake, if any."""
        sock = self._socket()
        if self.tls:
            sock.settimeout(self.timeout_s)  # after a kernel timeout, ssl would try again for ever
            return self.tls.wrap_socket(sock, server_hostname=self.name)
        limit_waits(sock, self.timeout_s)
        return sock

    def unblocked(self) -> socket.socket:
        """Return a non-blocking socket; the caller makes the TLS handshake, if any."""
        sock = self._socket()
        sock.setblocking(False)
        if self.tls is None:
            return sock
        return self.tls.wrap_socket(sock, server_hostname=self.name, do_handshake_on_connect=False)

    def _socket(self) -> socket.socket:
        if isinstance(self.address, str):
            return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def limit_waits(sock: socket.socket, timeout_s: float) -> None:
    """Limit each further wait on the blocking socket `sock`."""
    if isinstance(sock, ssl.SSLSocket):
        sock.settimeout(timeout_s)
        return
    # The kernel's timeouts save the poll() that settimeout() makes before each wait. At least 1 us: 0 means no limit.
    timeval = struct.pack("ll", *divmod(max(int(timeout_s * 1e6), 1), 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)


def on_own_connection(endpoint: Endpoint, request: bytes) -> Exchange:
    """Connect, send, read until the server closes. The time is from before connect() to the last byte."""
    answer = Answer(to_close=True)
    with endpoint.unconnected() as sock:
        start_ns = perf_counter_ns()
        sock.connect(endpoint.address)
        sock.sendall(request)
        end_ns = receive(sock, answer, endpoint, start_ns)
    return Exchange(start_ns, end_ns, answer.fault(endpoint.proved), answer=answer)


class KeptConnection:
    """A connection for many requests, opened when needed, and again after the server has closed it."""

    def __init__(self, endpoint: Endpoint, request: bytes) -> None:
        self._endpoint = endpoint
        self._request = request
        self._sock: socket.socket | None = None

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self._sock:
            self._sock.close()
        self._sock = None

    def exchange(self) -> Exchange:
        """Send a request and read its answer. The time is from before send() to the last byte."""
        try:
            kept = self._ask(self._sock) if self._sock else None
            return kept or self._ask_first()
        except OSError:
            self.close()
            raise

    def _ask(self, sock: socket.socket) -> Exchange | None:
        """Return the exchange; None if the server closed the connection before the first byte of the answer."""
        answer = Answer()
        start_ns = end_ns = perf_counter_ns()
        try:
            sock.sendall(self._request)
            end_ns = receive(sock, answer, self._endpoint, start_ns)
        except CLOSED_BY_SERVER:
            if answer.received_bytes:
                raise
        if not answer.received_bytes:
            return None
        fault = answer.fault(self._endpoint.proved)
        if fault or answer.closes:
            self.close()
        return Exchange(start_ns, end_ns, fault, connected=False, answer=answer)

    def _ask_first(self) -> Exchange:
        """Exchange over a new connection; the result is not comparable with those of a kept one."""
        exchange = self._ask(self._open())
        if exchange is None:
            return Exchange(0, 0, "no answer", comparable=False)
        closed = None if self._sock else "connection not kept"
        return exchange._replace(fault=exchange.fault or closed, comparable=False, connected=True)

    def _open(self) -> socket.socket:
        self.close()
        self._sock = self._endpoint.unconnected()
        self._sock.connect(self._endpoint.address)
        return self._sock


def receive(sock: socket.socket, answer: Answer, endpoint: Endpoint, start_ns: int) -> int:
    """Read into `answer` until it is complete; return the time of its last byte.

    The timeout limits the whole exchange since `start_ns`. Only slow exchanges spend time on checking it.
    """
    end_ns, slow_ns = start_ns, start_ns + int(SLOW_SHARE * endpoint.timeout_ns)
    is_slow = perf_counter_ns() > slow_ns
    while True:
        if is_slow:
            left_ns = start_ns + endpoint.timeout_ns - perf_counter_ns()
            if left_ns <= 0:
                raise TimeoutError
            limit_waits(sock, left_ns / 1e9)
        piece = sock.recv(PIECE_BYTES)
        end_ns = perf_counter_ns() if piece else end_ns
        if not piece or answer.add(piece):
            break
        is_slow = end_ns > slow_ns
    if is_slow:
        limit_waits(sock, endpoint.timeout_s)
    return end_ns
