"""Send bursts of requests one after the other, over one connection at a time, and time each of them."""

import gc
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.errors import LoadError
from harness.load.answer import Answer
from harness.load.exchange import Endpoint, Exchange, KeptConnection, on_own_connection
from harness.load.faults import TIMEOUT, kind_of
from harness.model import Target
from harness.model.answers import OTHER_KEYS, AnswerShape


@dataclass(frozen=True, slots=True)
class Burst:
    """The correctly answered timed requests in order of sending; `positions` count from 0 after settling.

    `failures` counts failed requests by kind, with those of settling; other JSON keys in the last answer, the only one
    that is checked for them, add one. A request that had to open a kept connection is in neither. `connections` is the
    number of attempts to connect, `sent` that of all requests. `interval_ns` is the mean time between the starts of
    requests; 0 if each just follows the previous one. `late_ns` is actual minus intended send time, if there is one.
    """

    positions: tuple[int, ...]
    start_ns: tuple[int, ...]
    latency_ns: tuple[int, ...]
    failures: Mapping[str, int]
    connections: int = 0
    sent: int = 0
    interval_ns: float = 0.0
    late_ns: tuple[int, ...] = ()


@contextmanager
def client(target: Target) -> Iterator[Callable[[int, int], Burst]]:
    """Yield `burst(settle, timed)`, which sends so many untimed and then timed requests to `target`.

    A timeout ends the burst, because the next requests would wait as long.
    """
    with exchanging(target) as exchange:
        yield partial(_burst, exchange, target.proved)


@contextmanager
def exchanging(target: Target) -> Iterator[Callable[[], Exchange]]:
    """Yield a function that sends one request to `target` and returns the exchange.

    The time includes connecting (and the TLS handshake) unless the target keeps its connection.
    """
    endpoint, request = endpoint_of(target), request_of(target)
    if not target.keepalive:
        yield partial(on_own_connection, endpoint, request)
        return
    with closing(KeptConnection(endpoint, request)) as connection:
        yield connection.exchange


@contextmanager
def quietly() -> Iterator[None]:
    """Disable the garbage collector in the body. Entering costs a full collection: enter once for many bursts."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def endpoint_of(target: Target) -> Endpoint:
    """Return the endpoint of `target`. Raises LoadError if the CA bundle cannot be read."""
    address = str(target.socket) if target.socket else (target.address or target.host, target.port)
    tls = _tls(target.authority) if target.encrypted else None
    return Endpoint(address, target.timeout_s, tls, target.host, target.proved)


def _tls(authority: Path | None) -> ssl.SSLContext:
    """Return a context that trusts `authority`, or the system's CAs if it is None."""
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise LoadError(
            f"The CA bundle {authority} cannot be read: {error}. "
            "Give a PEM file with the certificate of the server's authority."
        ) from error


def request_of(target: Target) -> bytes:
    """Return the bytes of a request for the target's path."""
    request, connection = target.request, "keep-alive" if target.keepalive else "close"
    given = {name.lower() for name, _ in request.fields}
    defaults = (("User-Agent", "barehop"), ("Accept", "*/*"))
    lines = (
        f"{request.method} {target.path} HTTP/1.1",
        f"Host: {target.host_field}",
        *(f"{name}: {value}" for name, value in defaults if name.lower() not in given),
        f"Connection: {connection}",
        *request.lines,
        *([f"Content-Length: {len(request.body)}"] if request.has_length else []),
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + request.body


def _burst(send: Callable[[], Exchange], proved: AnswerShape | None, settle: int, timed: int) -> Burst:
    positions: list[int] = []
    start_ns: list[int] = []
    latency_ns: list[int] = []
    failures: Counter[str] = Counter()
    connections = sent = 0
    last: Answer | None = None
    for position in range(-settle, timed):
        sent += 1
        exchange = _attempt(send)
        connections += exchange.connected
        if exchange.fault:
            failures[exchange.fault] += 1
        else:
            last = exchange.answer
        if exchange.comparable and not exchange.fault and position >= 0:
            positions.append(position)
            start_ns.append(exchange.start_ns)
            latency_ns.append(exchange.end_ns - exchange.start_ns)
        if exchange.fault == TIMEOUT:
            break
    failures.update(faults_of_sample(last, proved))
    return Burst(tuple(positions), tuple(start_ns), tuple(latency_ns), dict(failures), connections, sent)


def faults_of_sample(answer: Answer | None, proved: AnswerShape | None) -> list[str]:
    """Return the faults of the last answer of a burst that are too slow to check for each one."""
    return [OTHER_KEYS] if answer and proved and answer.has_other_keys(proved) else []


def _attempt(exchange: Callable[[], Exchange]) -> Exchange:
    try:
        return exchange()
    except OSError as error:
        return Exchange(0, 0, kind_of(error))
