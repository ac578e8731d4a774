"""Search the highest rate at which p99 stays below a limit: first a closed loop, then bisection."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.load.client import Burst
from harness.load.crowd.arrivals import lengths, poisson_ns
from harness.load.crowd.busy import busy_burst
from harness.load.crowd.loop import Crowd
from harness.load.crowd.paced import paced_burst

CROWD = 16  # connections: enough to saturate any stack of this kind
CROWD_REQUESTS = 600
STEP_REQUESTS = 1100  # so that more than 10 are beyond p99
LOWEST, HIGHEST = 0.3, 1.15  # range of the search, relative to the rate of the closed loop
PERCENTILES = (50.0, 90.0, 99.0)


@dataclass(frozen=True, slots=True)
class Step:
    """One rate, and whether p99 stayed below the limit; both None for the closed loop. `sent` includes a repetition."""

    burst: Burst
    rate_per_s: float | None = None
    holds: bool | None = None
    sent: int = 0

    @property
    def percentiles_us(self) -> dict[float, float]:
        """Return the percentiles of response times in microseconds."""
        times_us = response_us(self.burst)
        return (
            dict(zip(PERCENTILES, np.percentile(times_us, PERCENTILES).tolist(), strict=True)) if times_us.size else {}
        )


@dataclass(slots=True)
class Search:
    """The search for the capacity of one arm in one session.

    A rate is too high if p99 exceeds the limit twice, so that one stall of the machine does not mislead the search.
    """

    crowd: Crowd
    limit_ms: float
    crowd_requests: int = CROWD_REQUESTS
    step_requests: int = STEP_REQUESTS
    low_per_s: float = 0.0
    high_per_s: float = field(default=math.inf)

    def step(self, seed: str) -> Step:
        """Run the next step; `seed` determines the times of its requests."""
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
            rate_per_s = 1e9 / burst.interval_ns
            self.low_per_s, self.high_per_s = LOWEST * rate_per_s, HIGHEST * rate_per_s
        return Step(burst, sent=burst.sent)


def response_us(burst: Burst) -> NDArray[np.float64]:
    """Return the response times in microseconds, from the intended send times."""
    response_ns = np.array(burst.latency_ns, dtype=np.float64)
    return (response_ns + burst.late_ns if burst.late_ns else response_ns) / 1000
