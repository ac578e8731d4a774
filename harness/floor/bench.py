"""Benchmarks the bare transport: one request and its answer over a socket pair of each kind."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Literal

import psutil

from harness.errors import LoadError, StackError
from harness.load.answer import MAX_HEAD_BYTES
from harness.load.client import Endpoint, endpoint_of, request_bytes
from harness.load.probe import probe_target
from harness.model import Reply, Target
from harness.model.http import MAX_BODY_BYTES
from harness.testbed.addresses import direct_target, hop_of, null_server_argv
from harness.testbed.blueprint import Machine
from harness.testbed.machine.directories import free_ports
from harness.testbed.machine.placement import placement_of
from harness.testbed.processes.process import RunningService, Service, start_service

ExchangeKind = Literal["connect", "ping-pong"]
KINDS: tuple[ExchangeKind, ...] = ("connect", "ping-pong")
READY_S, POLL_S = 10.0, 0.01
RECEIVE_BYTES = 65536
MAX_ANSWER_BYTES = MAX_HEAD_BYTES + MAX_BODY_BYTES

TimeLoops = Callable[[int], float]  # seconds of so many exchanges


@dataclass(frozen=True, slots=True)
class FloorBenchmark:
    """A benchmark: `path` is requested, and its body has `payload_bytes`."""

    kind: ExchangeKind
    transport: str
    path: str
    payload_bytes: int

    @property
    def name(self) -> str:
        """Return the name in pyperf's file."""
        return f"{self.kind} {self.transport} {self.payload_bytes}"


def prepare_benchmark(bench: FloorBenchmark, machine: Machine, exit_stack: ExitStack, *, pin: bool) -> TimeLoops:
    """Start the server on the app's CPUs, with `pin` move this process to nginx's; return the function to time."""
    placement = placement_of("auto", machine.topology, 1)
    hop = hop_of(bench.transport, machine.parents, free_ports())
    service = Service(
        name="bare server",
        argv=null_server_argv(hop),
        log=Path(os.devnull),
        cpus=placement.cpus["app"],
        directories=(hop.directory,) if hop.directory else (),
    )
    server = exit_stack.enter_context(start_service(service))
    target = direct_target(hop, bench.path, keepalive=bench.kind == "ping-pong")
    _wait_until_ready(target, server)
    if pin:
        psutil.Process().cpu_affinity(list(placement.cpus["nginx"]))
    exchange = time_connections if bench.kind == "connect" else time_round_trips
    return exchange(target, request_bytes(target))


def _wait_until_ready(target: Target, server: RunningService) -> None:
    """Wait until the server answers. Raises StackError."""
    deadline = time.monotonic() + READY_S
    while not isinstance(reply := probe_target(target, target.path), Reply):
        server.check()
        if time.monotonic() > deadline:
            raise StackError(f"The bare server did not answer within {READY_S:g} s: {reply}.")
        time.sleep(POLL_S)


def time_connections(target: Target, request: bytes) -> TimeLoops:
    """Return a function that times exchanges on separate connections, from socket() to close()."""
    endpoint = endpoint_of(target)
    expected = _answer_bytes(endpoint, request)

    def exchange() -> int:
        with _connect(endpoint) as sock:
            sock.sendall(request)
            return _receive_bytes(sock, expected + 1)  # to read the end of the connection, or an excess byte

    return partial(_loops_s, target.timeout_s, exchange, expected)


def time_round_trips(target: Target, request: bytes) -> TimeLoops:
    """Return a function that times exchanges over one connection, which is opened beforehand."""
    endpoint = endpoint_of(target)
    expected = _answer_bytes(endpoint, request)

    def seconds(loops: int) -> float:
        with time_limit(target.timeout_s):
            connected = _connect(endpoint)
        with connected as sock:

            def exchange() -> int:
                sock.sendall(request)
                return _receive_bytes(sock, expected)

            return _loops_s(target.timeout_s, exchange, expected, loops)

    return seconds


def _loops_s(limit_s: float, exchange: Callable[[], int], expected: int, loops: int) -> float:
    """Return `loops` times the median duration of an exchange, which is robust against steal. Raises LoadError.

    The timeout of each exchange is between `limit_s` and twice that.
    """
    times_s: list[float] = []
    with time_limit(limit_s, lambda: len(times_s)):
        for _ in range(loops):
            began = perf_counter()
            received = exchange()
            times_s.append(perf_counter() - began)
            if received != expected:
                raise LoadError(f"The bare server answered with {received} bytes instead of {expected}. Run it again.")
    return loops * median(times_s)


def _answer_bytes(endpoint: Endpoint, request: bytes) -> int:
    """Return the size of an answer with its head. Raises LoadError if it is too large, or too late."""
    closing = request.replace(b"keep-alive", b"close")
    with time_limit(endpoint.timeout_s), _connect(endpoint) as sock:
        sock.sendall(closing)
        received = _receive_bytes(sock, MAX_ANSWER_BYTES + 1)
    if received > MAX_ANSWER_BYTES:
        raise LoadError(f"The bare server answers with more than {MAX_ANSWER_BYTES} bytes. Run it again.")
    return received


def _receive_bytes(sock: socket.socket, enough: int) -> int:
    """Read until `enough` bytes or the end; return how many bytes came."""
    received = 0
    while received < enough and (piece := sock.recv(RECEIVE_BYTES)):
        received += len(piece)
    return received


def _connect(endpoint: Endpoint) -> socket.socket:
    sock = endpoint.new_socket()
    sock.connect(endpoint.address)
    return sock


@contextmanager
def time_limit(limit_s: float, finished: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Raise LoadError if `finished()` has not grown for `limit_s`. Only for the main thread, and not nested."""
    before = finished()

    def check_progress(*_: object) -> None:
        nonlocal before
        if finished() == before:
            raise LoadError(f"The bare server did not finish an answer within {limit_s:g} s. Run it again.")
        before = finished()

    handler = signal.signal(signal.SIGALRM, check_progress)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
