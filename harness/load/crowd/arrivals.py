"""Draw the times of requests in an open loop: a Poisson process, like many independent users."""

import random
from itertools import accumulate

from harness.experiment.lengths import PACED_S

LEAST_SETTLE_S = 0.05


def lengths(rate_per_s: float, settle: int, timed: int) -> tuple[int, int]:
    """Return (settle, timed) requests: at least 50 and 250 ms of them, enough for a queue to build up."""
    return max(settle, round(LEAST_SETTLE_S * rate_per_s)), max(timed, round(PACED_S * rate_per_s))


def poisson_ns(rate_per_s: float, requests: int, seed: str) -> list[int]:
    """Return times from 0 on with exponential distances; the same `seed` gives the same times, scaled by the rate."""
    source = random.Random(seed)  # noqa: S311 - chance, not secrecy
    return [
        round(time_ns) for time_ns in accumulate(1e9 * source.expovariate(1.0) / rate_per_s for _ in range(requests))
    ]
