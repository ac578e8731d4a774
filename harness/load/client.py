"""Sends bursts of requests, one after the other over one connection at a time, and times each of them."""

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
    """The timed requests that were answered right, in order of sending; `positions` count from 0 after settling.

    That the keys of the JSON are still the same is seen of the last answer only, which then counts as failed besides.
    `failures` are those of settling too. A request for which a kept connection had to be opened is in neither.
    `connections` were opened, or tried to, for all of them. `sent` is how many there were, and `interval_ns` the mean
    time from the beginning of one to the beginning of the next; 0 where each just follows the one before. `late_ns`,
    where there are times at which they were meant to be sent, is how much later they were.
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
    """`burst(settle, timed)`: that many untimed, then that many timed requests of `target`.

    A timeout ends its burst, for the requests after it would wait as long.
    """
    with exchanging(target) as exchange:
        yield partial(_burst, exchange, target.proved)


@contextmanager
def exchanging(target: Target) -> Iterator[Callable[[], Exchange]]:
    """One request of `target` and its answer, as often as it is called.

    The time of a request includes connecting (and the TLS handshake) unless the target keeps its connection.
    """
    endpoint, request = endpoint_of(target), request_of(target)
    if not target.keepalive:
        yield partial(on_own_connection, endpoint, request)
        return
    with closing(KeptConnection(endpoint, request)) as connection:
        yield connection.exchange


@contextmanager
def quietly() -> Iterator[None]:
    """Keep the garbage collector away. Entering costs a full collection: once around many bursts."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def endpoint_of(target: Target) -> Endpoint:
    """Raises LoadError when the certificate to trust cannot be read."""
    address = str(target.socket) if target.socket else (target.address or target.host, target.port)
    tls = _tls(target.authority) if target.encrypted else None
    return Endpoint(address, target.timeout_s, tls, target.host, target.proved)


def _tls(authority: Path | None) -> ssl.SSLContext:
    """Without an authority those that the system trusts."""
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise LoadError(
            f"The certificate to trust cannot be read from {authority}: {error}. "
            "Give a PEM file that holds the certificate of the server's authority."
        ) from error


def request_of(target: Target) -> bytes:
    """The bytes that ask for the target's path."""
    request, connection = target.request, "keep-alive" if target.keepalive else "close"
    named = {name.lower() for name, _ in request.fields}
    usual = (("User-Agent", "barehop"), ("Accept", "*/*"))
    lines = (
        f"{request.method} {target.path} HTTP/1.1",
        f"Host: {target.host_field}",
        *(f"{name}: {value}" for name, value in usual if name.lower() not in named),
        f"Connection: {connection}",
        *request.lines,
        *([f"Content-Length: {len(request.body)}"] if request.has_length else []),
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + request.body


def _burst(exchange: Callable[[], Exchange], proved: AnswerShape | None, settle: int, timed: int) -> Burst:
    positions: list[int] = []
    start_ns: list[int] = []
    latency_ns: list[int] = []
    failures: Counter[str] = Counter()
    connections = sent = 0
    last: Answer | None = None
    for position in range(-settle, timed):
        sent += 1
        seen = _attempt(exchange)
        connections += seen.connected
        if seen.fault:
            failures[seen.fault] += 1
        else:
            last = seen.answer
        if seen.comparable and not seen.fault and position >= 0:
            positions.append(position)
            start_ns.append(seen.start_ns)
            latency_ns.append(seen.end_ns - seen.start_ns)
        if seen.fault == TIMEOUT:
            break
    failures.update(faults_of_sample(last, proved))
    return Burst(tuple(positions), tuple(start_ns), tuple(latency_ns), dict(failures), connections, sent)


def faults_of_sample(answer: Answer | None, proved: AnswerShape | None) -> list[str]:
    """What is wrong with the last answer of a burst, read as a whole: too much to be done with each of them."""
    return [OTHER_KEYS] if answer and proved and answer.has_other_keys(proved) else []


def _attempt(exchange: Callable[[], Exchange]) -> Exchange:
    try:
        return exchange()
    except OSError as error:
        return Exchange(0, 0, kind_of(error))
