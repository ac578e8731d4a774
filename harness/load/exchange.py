"""One request and its answer over TCP or TLS: timed to the last byte, judged after the clock was read."""

import socket
import ssl
import struct
from dataclasses import dataclass
from time import perf_counter_ns
from typing import NamedTuple

from harness.load.answer import Answer
from harness.model.answers import AnswerShape

PIECE_BYTES = 65536
SLOW_SHARE = 0.1  # of the timeout: so late, what is left of it is set anew before each wait
CLOSED_BY_SERVER = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError)


class Exchange(NamedTuple):
    """What one request gave. `comparable` is False when a kept connection had to be opened for it.

    `connected`: whether a connection was opened for it, or failed to. `answer` is what came, where anything did.
    """

    start_ns: int
    end_ns: int
    fault: str | None
    comparable: bool = True
    connected: bool = True
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom to ask: `address` is an IP address and a port, or the path of a Unix socket.

    `timeout_s` holds for an exchange as a whole. With `tls`, `name` is what the certificate must be of. `proved` is
    what a right answer is like.
    """

    address: tuple[str, int] | str
    timeout_s: float
    tls: ssl.SSLContext | None
    name: str = ""
    proved: AnswerShape | None = None

    @property
    def timeout_ns(self) -> int:
        return int(self.timeout_s * 1e9)

    def unconnected(self) -> socket.socket:
        """A socket whose connect() includes the TLS handshake where there is TLS."""
        sock = self._socket()
        if self.tls:
            sock.settimeout(self.timeout_s)  # ssl takes the end of a kernel timeout for "try again", for ever
            return self.tls.wrap_socket(sock, server_hostname=self.name)
        limit_waits(sock, self.timeout_s)
        return sock

    def unblocked(self) -> socket.socket:
        """A socket that never waits, whose TLS handshake is still to be made."""
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
    """How long each wait on `sock` may last from now on, which has blocked until now."""
    if isinstance(sock, ssl.SSLSocket):
        sock.settimeout(timeout_s)
        return
    # The kernel's own timeouts save the poll() that settimeout() puts before each wait. None at all would be for ever.
    timeval = struct.pack("ll", *divmod(max(int(timeout_s * 1e6), 1), 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)


def on_own_connection(endpoint: Endpoint, request: bytes) -> Exchange:
    """Connect, ask, read until the server closes. The time is from before connect() to the last byte."""
    got = Answer(to_close=True)
    with endpoint.unconnected() as sock:
        start_ns = perf_counter_ns()
        sock.connect(endpoint.address)
        sock.sendall(request)
        end_ns = receive(sock, got, endpoint, start_ns)
    return Exchange(start_ns, end_ns, got.fault(endpoint.proved), answer=got)


class KeptConnection:
    """A connection for many requests, opened when first needed and again when the server has closed it."""

    def __init__(self, endpoint: Endpoint, request: bytes) -> None:
        self._endpoint = endpoint
        self._request = request
        self._sock: socket.socket | None = None

    def close(self) -> None:
        if self._sock:
            self._sock.close()
        self._sock = None

    def exchange(self) -> Exchange:
        """Ask over the open connection. The time is from before send() to the last byte."""
        try:
            kept = self._ask(self._sock) if self._sock else None
            return kept or self._ask_first()
        except OSError:
            self.close()
            raise

    def _ask(self, sock: socket.socket) -> Exchange | None:
        """None: the server closed the connection before a byte of the answer came."""
        got = Answer()
        start_ns = end_ns = perf_counter_ns()
        try:
            sock.sendall(self._request)
            end_ns = receive(sock, got, self._endpoint, start_ns)
        except CLOSED_BY_SERVER:
            if got.received_bytes:
                raise
        if not got.received_bytes:
            return None
        fault = got.fault(self._endpoint.proved)
        if fault or got.closes:
            self.close()
        return Exchange(start_ns, end_ns, fault, connected=False, answer=got)

    def _ask_first(self) -> Exchange:
        """Ask over a connection opened for it, which is not what a kept connection is measured by."""
        seen = self._ask(self._open())
        if seen is None:
            return Exchange(0, 0, "no answer", comparable=False)
        closed = None if self._sock else "connection not kept"
        return seen._replace(fault=seen.fault or closed, comparable=False, connected=True)

    def _open(self) -> socket.socket:
        self.close()
        self._sock = self._endpoint.unconnected()
        self._sock.connect(self._endpoint.address)
        return self._sock


def receive(sock: socket.socket, got: Answer, endpoint: Endpoint, start_ns: int) -> int:
    """Fill `got` with one answer, as far as it comes; when its last byte was there.

    All of the exchange since `start_ns` must fit into the timeout. Only where it is slow does that take time itself.
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
        if not piece or got.add(piece):
            break
        is_slow = end_ns > slow_ns
    if is_slow:
        limit_waits(sock, endpoint.timeout_s)
    return end_ns
