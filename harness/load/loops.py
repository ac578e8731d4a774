"""Closed and open loops over many connections, and the search for a capacity."""

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from harness.experiment.arms import MAX_IDLE_CONNECTIONS, MAX_PENDING_REQUESTS
from harness.experiment.cost import MIN_PER_CONNECTION, OPEN_LOOP_S
from harness.load.burst import Burst, BurstRecorder
from harness.load.connections import ConnectionPool

MIN_SETTLE_S = 0.05
NOT_SENT = f"not sent because {MAX_PENDING_REQUESTS} others waited"
CLOSED_LOOP_CONNECTIONS = 16  # connections: enough to saturate any stack of this kind
CLOSED_LOOP_REQUESTS = 600
STEP_REQUESTS = 1100  # so that more than 10 are beyond p99
LOWEST_RATE_FACTOR, HIGHEST_RATE_FACTOR = 0.3, 1.15  # range of the search, relative to the rate of the closed loop
STEP_PERCENTILES = (50.0, 90.0, 99.0)


def open_loop_lengths(rate_per_s: float, settle: int, timed: int) -> tuple[int, int]:
    """Return (settle, timed) requests: at least 50 and 250 ms of them, enough for a queue to build up."""
    return max(settle, round(MIN_SETTLE_S * rate_per_s)), max(timed, round(OPEN_LOOP_S * rate_per_s))


def poisson_arrivals_ns(rate_per_s: float, requests: int, seed: str) -> list[int]:
    """Return times from 0 on with exponential distances; the same `seed` gives the same times, scaled by the rate."""
    source = random.Random(seed)  # noqa: S311 - chance, not secrecy
    return [
        round(time_ns) for time_ns in accumulate(1e9 * source.expovariate(1.0) / rate_per_s for _ in range(requests))
    ]


def closed_loop_burst(pool: ConnectionPool, connections: int, settle: int, timed: int) -> Burst:
    """Send `timed` requests, at least 4 per connection, with all connections busy from the first to the last.

    `settle` untimed requests precede them, at least one per connection, and enough follow to keep the load up. A
    timeout ends the burst, because the next requests would wait as long.
    """
    recorder = BurstRecorder(max(timed, MIN_PER_CONNECTION * connections), pool.endpoint.proved)
    start_ns: dict[int, int] = {}
    tickets = count(-max(settle, connections))

    def start_next() -> None:
        ticket = next(tickets)
        start_ns[ticket] = perf_counter_ns()
        pool.start_request(ticket)

    for _ in range(connections):
        start_next()
    while recorder.missing and not recorder.timed_out:
        for completed in pool.wait_for_completed():
            recorder.add(*completed)
            start_next()
    wait_for_pending(pool, recorder)
    is_complete = recorder.timed in start_ns
    interval_ns = (start_ns[recorder.timed] - start_ns[0]) / recorder.timed if is_complete else 0.0
    return recorder.burst(interval_ns)


def wait_for_pending(pool: ConnectionPool, recorder: BurstRecorder) -> None:
    """Wait for the pending requests, so that they do not disturb the next visit; after a timeout, cancel them."""
    while len(pool) and not recorder.timed_out:
        for completed in pool.wait_for_completed():
            recorder.add(*completed)
    pool.cancel_pending()


def open_loop_burst(pool: ConnectionPool, arrivals_ns: Sequence[int], settle: int) -> Burst:
    """Send a request at each of `arrivals_ns` from now on; the first `settle` are not timed.

    A request counts from its intended time; `late_ns` is the delay of the client. A request that finds all connections
    busy opens another one, which is timed. If too many are pending, or after a timeout, the rest is not sent and counts
    as failed.
    """
    recorder = BurstRecorder(len(arrivals_ns) - settle, pool.endpoint.proved, opening_counts=True)
    began_ns = perf_counter_ns()
    with exact_timers():
        for number, arrival_ns in enumerate(arrivals_ns):
            while perf_counter_ns() < began_ns + arrival_ns:
                for completed in pool.wait_for_completed(began_ns + arrival_ns):
                    recorder.add(*completed)
            if len(pool) >= MAX_PENDING_REQUESTS or recorder.timed_out:
                recorder.failures[NOT_SENT] += len(arrivals_ns) - number
                break
            pool.start_request(number - settle)
        wait_for_pending(pool, recorder)
    pool.trim_idle(MAX_IDLE_CONNECTIONS)
    intended_ns = [began_ns + arrival_ns for arrival_ns in arrivals_ns[settle:]]
    interval_ns = (arrivals_ns[-1] - arrivals_ns[settle]) / max(1, len(arrivals_ns) - settle - 1)
    return recorder.burst(interval_ns, intended_ns)


@contextmanager
def exact_timers() -> Iterator[None]:
    """Set the timer slack of this process to 1 ns in the body; by default timers may be 50 us late."""
    slack = Path("/proc/self/timerslack_ns")
    with suppress(OSError):
        slack.write_text("1")
    try:
        yield
    finally:
        with suppress(OSError):
            slack.write_text("0")  # back to the default of this process


@dataclass(frozen=True, slots=True)
class SearchStep:
    """One rate, and whether p99 stayed below the limit; both None for the closed loop. `sent` includes a repetition."""

    burst: Burst
    rate_per_s: float | None = None
    holds: bool | None = None
    sent: int = 0


@dataclass(slots=True)
class CapacitySearch:
    """The search for the capacity of one arm in one session.

    A rate is too high if p99 exceeds the limit twice, so that one stall of the machine does not mislead the search.
    """

    pool: ConnectionPool
    limit_ms: float
    closed_loop_requests: int = CLOSED_LOOP_REQUESTS
    step_requests: int = STEP_REQUESTS
    low_per_s: float = 0.0
    high_per_s: float = math.inf

    def run_step(self, seed: str) -> SearchStep:
        """Run the next step; `seed` determines the times of its requests."""
        if math.isinf(self.high_per_s):
            return self._run_closed_loop()
        rate_per_s, sent, holds = math.sqrt(self.low_per_s * self.high_per_s), 0, False
        settle, timed = open_loop_lengths(rate_per_s, 0, self.step_requests)
        for attempt in (seed, f"{seed}/again"):
            burst = open_loop_burst(self.pool, poisson_arrivals_ns(rate_per_s, settle + timed, attempt), settle)
            sent += burst.sent
            holds = not burst.failures and percentiles_us(burst)[99.0] <= 1000 * self.limit_ms
            if holds:
                break
        self.low_per_s, self.high_per_s = (rate_per_s, self.high_per_s) if holds else (self.low_per_s, rate_per_s)
        return SearchStep(burst, rate_per_s, holds, sent)

    def _run_closed_loop(self) -> SearchStep:
        burst = closed_loop_burst(
            self.pool, CLOSED_LOOP_CONNECTIONS, CLOSED_LOOP_CONNECTIONS, self.closed_loop_requests
        )
        if burst.interval_ns:
            rate_per_s = 1e9 / burst.interval_ns
            self.low_per_s, self.high_per_s = LOWEST_RATE_FACTOR * rate_per_s, HIGHEST_RATE_FACTOR * rate_per_s
        return SearchStep(burst, sent=burst.sent)


def percentiles_us(burst: Burst) -> dict[float, float]:
    """Return percentiles of the times from the intended send to the answer; none without times."""
    if not burst.latency_ns:
        return {}
    response_us = (np.array(burst.latency_ns, dtype=np.float64) + (burst.late_ns or 0)) / 1000
    return dict(zip(STEP_PERCENTILES, np.percentile(response_us, STEP_PERCENTILES).tolist(), strict=True))
