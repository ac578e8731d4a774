"""The least that a client can do: connect, ask and read to the end; or ask and read on a standing connection."""

import socket
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter

from harness.errors import LoadError
from harness.model import Target

PIECE_BYTES = 65536
MORE_THAN_ALL = 1 << 40

TimeLoops = Callable[[int], float]  # the seconds that so many exchanges take


def connecting(target: Target, request: bytes) -> TimeLoops:
    """Each exchange over a connection of its own, from socket() to close()."""
    expected = _once(target, request)

    def exchange() -> int:
        with _connected(target) as sock:
            sock.sendall(request)
            return _until(sock, MORE_THAN_ALL)

    return partial(_seconds, exchange, expected)


def standing(target: Target, request: bytes) -> TimeLoops:
    """All exchanges over one connection, which is opened beforehand."""
    expected = _once(target, request)

    def seconds(loops: int) -> float:
        with _connected(target) as sock:

            def exchange() -> int:
                sock.sendall(request)
                return _until(sock, expected)

            return _seconds(exchange, expected, loops)

    return seconds


def _seconds(exchange: Callable[[], int], expected: int, loops: int) -> float:
    """As many times the typical exchange: the median is deaf to what was stolen from a few. Raises LoadError."""
    took = []
    for _ in range(loops):
        began = perf_counter()
        received = exchange()
        took.append(perf_counter() - began)
        if received != expected:
            raise LoadError(f"The bare server answered with {received} bytes instead of {expected}. Run it again.")
    return loops * median(took)


def _once(target: Target, request: bytes) -> int:
    """The bytes of an answer."""
    closing = request.replace(b"keep-alive", b"close")
    with _connected(target) as sock:
        sock.sendall(closing)
        return _until(sock, MORE_THAN_ALL)


def _until(sock: socket.socket, enough: int) -> int:
    """How many bytes came until there were `enough`, or no more."""
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
