"""Time a minimal client: one exchange per connection, or all exchanges over one connection."""

import socket
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter

from harness.errors import LoadError
from harness.floor.patience import patient
from harness.load.answer import MOST_HEAD_BYTES
from harness.model import Target
from harness.model.answers import MOST_BODY_BYTES

PIECE_BYTES = 65536
MOST_BYTES = MOST_HEAD_BYTES + MOST_BODY_BYTES

TimeLoops = Callable[[int], float]  # seconds of so many exchanges


def connecting(target: Target, request: bytes) -> TimeLoops:
    """Return a function that times exchanges on separate connections, from socket() to close()."""
    expected = _once(target, request)

    def exchange() -> int:
        with _connected(target) as sock:
            sock.sendall(request)
            return _until(sock, expected + 1)  # to read the end of the connection, or an excess byte

    return partial(_seconds, target.timeout_s, exchange, expected)


def standing(target: Target, request: bytes) -> TimeLoops:
    """Return a function that times exchanges over one connection, which is opened beforehand."""
    expected = _once(target, request)

    def seconds(loops: int) -> float:
        with patient(target.timeout_s):
            connected = _connected(target)
        with connected as sock:

            def exchange() -> int:
                sock.sendall(request)
                return _until(sock, expected)

            return _seconds(target.timeout_s, exchange, expected, loops)

    return seconds


def _seconds(limit_s: float, exchange: Callable[[], int], expected: int, loops: int) -> float:
    """Return `loops` times the median duration of an exchange, which is robust against steal. Raises LoadError.

    The timeout of each exchange is between `limit_s` and twice that.
    """
    times_s: list[float] = []
    with patient(limit_s, lambda: len(times_s)):
        for _ in range(loops):
            began = perf_counter()
            received = exchange()
            times_s.append(perf_counter() - began)
            if received != expected:
                raise LoadError(f"The bare server answered with {received} bytes instead of {expected}. Run it again.")
    return loops * median(times_s)


def _once(target: Target, request: bytes) -> int:
    """Return the size of an answer with its head. Raises LoadError if it is too large, or too late."""
    closing = request.replace(b"keep-alive", b"close")
    with patient(target.timeout_s), _connected(target) as sock:
        sock.sendall(closing)
        received = _until(sock, MOST_BYTES + 1)
    if received > MOST_BYTES:
        raise LoadError(f"The bare server answers with more than {MOST_BYTES} bytes. Run it again.")
    return received


def _until(sock: socket.socket, enough: int) -> int:
    """Read until `enough` bytes or the end; return how many bytes came."""
    received = 0
    while received < enough and (piece := sock.recv(PIECE_BYTES)):
        received += len(piece)
    return received


def _connected(target: Target) -> socket.socket:
    if target.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(target.socket))
        return sock
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.connect((target.host, target.port))
    return sock
