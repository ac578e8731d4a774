"""The difference of the means of two runs, by Welch: they share no session, so their errors add."""

import math

from harness.analysis.bursts import Series
from harness.analysis.estimate import Estimate, estimate

ROUNDING = 1e-9  # keeps whole degrees of freedom from being rounded down by one


def welch(base: Series, other: Series) -> Estimate:
    """Return the mean of `other` minus that of `base`; at least 2 sessions each, of any variance."""
    return difference(estimate(base), estimate(other))


def difference(base: Estimate, other: Estimate) -> Estimate:
    """Return the mean of `other` minus that of `base`, from their estimates.

    `sessions` of the result is Welch's (1947) degrees of freedom, rounded down, plus one: the sessions of a single run
    with the same precision.
    """
    squared_errors = [mean.standard_error**2 for mean in (base, other)]
    total = math.fsum(squared_errors)
    sessions = _freedom(squared_errors, [base.sessions, other.sessions]) + 1
    return Estimate(mean=other.mean - base.mean, sd=math.sqrt(total * sessions), sessions=sessions)


def _freedom(squared_errors: list[float], sessions: list[int]) -> int:
    total = math.fsum(squared_errors)
    if total == 0:
        return sum(sessions) - 2
    shares = [error / total for error in squared_errors]
    spent = math.fsum(share**2 / (number - 1) for share, number in zip(shares, sessions, strict=True))
    return math.floor(1 / spent + ROUNDING)
