"""Looks for the highest rate at which p99 stays below a limit: first what a crowd gets, then halving, step by step."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.load.client import Burst
from harness.load.crowd.arrivals import lengths, poisson_ns
from harness.load.crowd.busy import busy_burst
from harness.load.crowd.loop import Crowd
from harness.load.crowd.paced import paced_burst

CROWD = 16  # connections, which saturate any stack of this kind
CROWD_REQUESTS = 600
STEP_REQUESTS = 1100  # so that 10 lie beyond p99
LOWEST, HIGHEST = 0.3, 1.15  # of what the crowd got: the capacity is between them, or the search says that it is not
PERCENTILES = (50.0, 90.0, 99.0)


@dataclass(frozen=True, slots=True)
class Step:
    """One rate tried, and whether p99 stayed below the limit; both None for the crowd, which is not paced."""

    burst: Burst
    rate_per_s: float | None = None
    holds: bool | None = None
    sent: int = 0

    @property
    def percentiles_us(self) -> dict[float, float]:
        times_us = response_us(self.burst)
        return (
            dict(zip(PERCENTILES, np.percentile(times_us, PERCENTILES).tolist(), strict=True)) if times_us.size else {}
        )


@dataclass(slots=True)
class Search:
    """One arm's, in one session: each call is a step.

    A rate is too high when p99 is beyond the limit twice: one stall of the machine would throw the rest away.
    """

    crowd: Crowd
    limit_ms: float
    crowd_requests: int = CROWD_REQUESTS
    step_requests: int = STEP_REQUESTS
    low_per_s: float = 0.0
    high_per_s: float = field(default=math.inf)

    def step(self, seed: str) -> Step:
        if math.isinf(self.high_per_s):
            return self._first()
        rate_per_s = math.sqrt(self.low_per_s * self.high_per_s)
        settle, timed = lengths(rate_per_s, 0, self.step_requests)
        burst = paced_burst(self.crowd, poisson_ns(rate_per_s, settle + timed, seed), settle)
        sent = burst.sent
        if not self._holds(burst):
            burst = paced_burst(self.crowd, poisson_ns(rate_per_s, settle + timed, f"{seed}/again"), settle)
            sent += burst.sent
        holds = self._holds(burst)
        self.low_per_s, self.high_per_s = (rate_per_s, self.high_per_s) if holds else (self.low_per_s, rate_per_s)
        return Step(burst, rate_per_s, holds, sent)

    def _holds(self, burst: Burst) -> bool:
        return not burst.failures and float(np.percentile(response_us(burst), 99)) <= 1000 * self.limit_ms

    def _first(self) -> Step:
        burst = busy_burst(self.crowd, CROWD, CROWD, self.crowd_requests)
        if burst.interval_ns:
            got_per_s = 1e9 / burst.interval_ns
            self.low_per_s, self.high_per_s = LOWEST * got_per_s, HIGHEST * got_per_s
        return Step(burst, sent=burst.sent)


def response_us(burst: Burst) -> NDArray[np.float64]:
    """From when each request was meant to be sent."""
    response_ns = np.array(burst.latency_ns, dtype=np.float64)
    return (response_ns + burst.late_ns if burst.late_ns else response_ns) / 1000
