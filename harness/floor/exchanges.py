"""The least that a client can do: connect, ask and read to the end; or ask and read on a standing connection."""

import socket
from collections.abc import Callable
from time import perf_counter

from harness.errors import LoadError
from harness.model import Target

PIECE_BYTES = 65536
TIMEOUT_S = 10.0

TimeLoops = Callable[[int], float]  # the seconds that so many exchanges took


def connecting(target: Target, request: bytes) -> TimeLoops:
    """Each exchange over a connection of its own, from socket() to close()."""
    expected = _once(target, request)

    def seconds(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            with _connected(target) as sock:
                sock.sendall(request)
                received = _until(sock, PIECE_BYTES * expected)
            if received != expected:
                raise _wrong(received, expected)
        return perf_counter() - began

    return seconds


def standing(target: Target, request: bytes) -> TimeLoops:
    """All exchanges over one connection, which is open before the clock runs."""
    expected = _once(target, request)

    def seconds(loops: int) -> float:
        with _connected(target) as sock:
            began = perf_counter()
            for _ in range(loops):
                sock.sendall(request)
                received = _until(sock, expected)
                if received != expected:
                    raise _wrong(received, expected)
            return perf_counter() - began

    return seconds


def _once(target: Target, request: bytes) -> int:
    """The bytes of an answer."""
    closing = request.replace(b"keep-alive", b"close")
    with _connected(target) as sock:
        sock.sendall(closing)
        return _until(sock, 1 << 40)


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


def _wrong(received: int, expected: int) -> LoadError:
    return LoadError(f"The bare server answered with {received} bytes instead of {expected}. Run it again.")
