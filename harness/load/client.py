"""Our client: one request at a time over one connection, timed from the first byte sent to the last received."""

import gc
import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns

from harness.errors import LoadError
from harness.load.burst import TIMEOUT, Burst, BurstRecorder, Exchange
from harness.load.http_answer import Answer
from harness.model import Target
from harness.model.http import AnswerShape

PIECE_BYTES = 65536
SLOW_SHARE = 0.1  # of the timeout; later, the remaining time is set before each wait
CLOSED_BY_SERVER = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError)


@contextmanager
def open_client(target: Target) -> Iterator[Callable[[int, int], Burst]]:
    """Yield `burst(settle, timed)`, which sends so many untimed and then timed requests to `target`.

    A timeout ends the burst, because the next requests would wait as long.
    """
    with open_exchange(target) as exchange:
        yield partial(_send_burst, exchange, target.expected_answer)


def _send_burst(exchange: Callable[[], Exchange], proved: AnswerShape | None, settle: int, timed: int) -> Burst:
    recorder = BurstRecorder(timed, proved)
    for position in range(-settle, timed):
        try:
            result = exchange()
        except OSError as error:
            result = Exchange(0, 0, fault_kind(error))
        recorder.add(position, result)
        if result.fault == TIMEOUT:
            break
    return recorder.burst()


@contextmanager
def open_exchange(target: Target) -> Iterator[Callable[[], Exchange]]:
    """Yield a function that sends one request to `target` and returns the exchange.

    The time includes connecting (and the TLS handshake) unless the target keeps its connection.
    """
    endpoint = endpoint_of(target)
    if not target.keepalive:
        yield partial(_exchange_once, endpoint)
        return
    with closing(KeptConnection(endpoint)) as connection:
        yield connection.exchange


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Disable the garbage collector in the body. Entering costs a full collection: enter once for many bursts."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The other end of a connection: `address` is an IP address and a port, or the path of a Unix socket.

    `timeout_s` limits a whole exchange. With `tls`, the certificate must be for `name`. `proved` is the shape of a
    right answer to `request`.
    """

    family: socket.AddressFamily
    address: tuple[str, int] | str
    request: bytes
    timeout_s: float
    tls: ssl.SSLContext | None
    name: str = ""
    proved: AnswerShape | None = None

    @property
    def timeout_ns(self) -> int:
        """Return the timeout in nanoseconds."""
        return int(self.timeout_s * 1e9)

    def open_socket(self) -> socket.socket:
        """Return a socket whose connect() includes the TLS handshake, if any."""
        sock = self.new_socket()
        if self.tls:
            sock.settimeout(self.timeout_s)  # after a kernel timeout, ssl would try again for ever
            return self.tls.wrap_socket(sock, server_hostname=self.name)
        set_wait_limit(sock, self.timeout_s)
        return sock

    def open_nonblocking_socket(self) -> socket.socket:
        """Return a non-blocking socket; the caller makes the TLS handshake, if any."""
        sock = self.new_socket()
        sock.setblocking(False)
        if self.tls is None:
            return sock
        return self.tls.wrap_socket(sock, server_hostname=self.name, do_handshake_on_connect=False)

    def new_socket(self) -> socket.socket:
        """Return a blocking socket without a timeout; TLS is the caller's business."""
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        if self.family is not socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def endpoint_of(target: Target) -> Endpoint:
    """Return the endpoint of `target`. Raises LoadError if the CA bundle cannot be read."""
    host = target.address or target.host
    family = socket.AF_UNIX if target.socket else socket.AF_INET6 if ":" in host else socket.AF_INET
    return Endpoint(
        family=family,
        address=str(target.socket) if target.socket else (host, target.port),
        request=request_bytes(target),
        timeout_s=target.timeout_s,
        tls=_tls_context(target.ca_file) if target.is_encrypted else None,
        name=target.host,
        proved=target.expected_answer,
    )


def _tls_context(authority: Path | None) -> ssl.SSLContext:
    """Return a context that trusts `authority`, or the system's CAs if it is None. It speaks TLS 1.2 and later.

    Without a minimum, the versions would depend on how Python and OpenSSL were built.
    """
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise LoadError(
            f"The CA bundle {authority} cannot be read: {error}. "
            "Give a PEM file with the certificate of the server's authority."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def request_bytes(target: Target) -> bytes:
    """Return the bytes of a request for the target's path."""
    request, connection = target.request, "keep-alive" if target.keepalive else "close"
    given = {name.lower() for name, _ in request.all_headers}
    defaults = (("User-Agent", "barehop"), ("Accept", "*/*"))
    lines = (
        f"{request.method} {target.path} HTTP/1.1",
        f"Host: {target.host_header}",
        *(f"{name}: {value}" for name, value in defaults if name.lower() not in given),
        f"Connection: {connection}",
        *request.header_lines,
        *([f"Content-Length: {len(request.body)}"] if request.has_length else []),
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + request.body


def set_wait_limit(sock: socket.socket, timeout_s: float) -> None:
    """Limit each further wait on the blocking socket `sock`."""
    if isinstance(sock, ssl.SSLSocket):
        sock.settimeout(timeout_s)
        return
    # The kernel's timeouts save the poll() that settimeout() makes before each wait. At least 1 us: 0 means no limit.
    timeval = struct.pack("ll", *divmod(max(int(timeout_s * 1e6), 1), 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)


def _exchange_once(endpoint: Endpoint) -> Exchange:
    """Connect, send, read until the server closes. The time is from before connect() to the last byte."""
    answer, request = Answer(to_close=True), endpoint.request
    with endpoint.open_socket() as sock:
        start_ns = perf_counter_ns()
        sock.connect(endpoint.address)
        sock.sendall(request)
        end_ns = receive(sock, answer, endpoint, start_ns)
    return Exchange(start_ns, end_ns, answer.fault(endpoint.proved), answer=answer)


class Connection:
    """A connection to `endpoint`, and what its exchanges gave. It is opened when needed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._request = endpoint.request
        self.sock: socket.socket | None = None

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self.sock:
            self.sock.close()
        self.sock = None

    def _judge(self, start_ns: int, end_ns: int, answer: Answer) -> Exchange | None:
        """Return the exchange over the kept connection, which is closed if it cannot serve another one.

        None if the server closed it before the first byte of the answer.
        """
        fault = answer.fault(self._endpoint.proved)
        if fault or answer.closes:
            self.close()
        return Exchange(start_ns, end_ns, fault, connected=False, answer=answer) if answer.received_bytes else None

    def _judge_opening(self, exchange: Exchange | None) -> Exchange:
        """Return the exchange of a request that had to open its connection; it is not comparable with the others."""
        if exchange is None:
            return Exchange(0, 0, "no answer", comparable=False)
        closed = None if self.sock else "connection not kept"
        return exchange._replace(fault=exchange.fault or closed, comparable=False, connected=True)


class KeptConnection(Connection):
    """A connection for many requests, opened again after the server has closed it."""

    def exchange(self) -> Exchange:
        """Send a request and read its answer. The time is from before send() to the last byte."""
        try:
            kept = self._exchange_on(self.sock) if self.sock else None
            if kept:
                return kept
            self.sock = self._endpoint.open_socket()
            self.sock.connect(self._endpoint.address)
            return self._judge_opening(self._exchange_on(self.sock))
        except OSError:
            self.close()
            raise

    def _exchange_on(self, sock: socket.socket) -> Exchange | None:
        answer = Answer()
        start_ns = end_ns = perf_counter_ns()
        try:
            sock.sendall(self._request)
            end_ns = receive(sock, answer, self._endpoint, start_ns)
        except CLOSED_BY_SERVER:
            if answer.received_bytes:
                raise
        return self._judge(start_ns, end_ns, answer)


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
            set_wait_limit(sock, left_ns / 1e9)
        piece = sock.recv(PIECE_BYTES)
        end_ns = perf_counter_ns() if piece else end_ns
        if not piece or answer.add(piece):
            break
        is_slow = end_ns > slow_ns
    if is_slow:
        set_wait_limit(sock, endpoint.timeout_s)
    return end_ns


def fault_kind(error: OSError) -> str:
    """Return the kind of failure, the same for the same cause."""
    if isinstance(error, TimeoutError | BlockingIOError):
        return TIMEOUT  # the kernel's timeouts raise BlockingIOError
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    if isinstance(error, ssl.SSLError):
        return f"tls {error.reason or error}".lower().replace("_", " ")
    return os.strerror(error.errno).lower() if error.errno else str(error)
