"""When requests are meant to be sent: at random, as many independent users would."""

import random
from itertools import accumulate

from harness.experiment.lengths import PACED_S

LEAST_SETTLE_S = 0.05


def lengths(rate_per_s: float, settle: int, timed: int) -> tuple[int, int]:
    """(settle, timed) requests, enough for a queue to build up and to be seen: at least 50 and 250 ms of them."""
    return max(settle, round(LEAST_SETTLE_S * rate_per_s)), max(timed, round(PACED_S * rate_per_s))


def poisson_ns(rate_per_s: float, requests: int, seed: str) -> list[int]:
    """Times from 0 on, exponentially apart; the same `seed` gives the same times, stretched for another rate."""
    source = random.Random(seed)  # noqa: S311 - chance, not secrecy
    return [round(at) for at in accumulate(1e9 * source.expovariate(1.0) / rate_per_s for _ in range(requests))]
