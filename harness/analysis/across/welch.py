"""The difference of two runs' means: they share no session, so their errors add."""

import math

from harness.analysis.bursts import Series
from harness.analysis.estimate import Estimate, estimate

ROUNDING = 1e-9  # so that degrees of freedom that are whole but for arithmetic are not rounded down by one


def welch(base: Series, other: Series) -> Estimate:
    """The mean of `other` minus that of `base`; at least 2 sessions each, which may vary unequally.

    Its `sessions` are Welch's (1947) degrees of freedom, rounded down, and one: a single run of so many would be
    as sure.
    """
    ours, theirs = estimate(base), estimate(other)
    squared_errors = [each.standard_error**2 for each in (ours, theirs)]
    total = math.fsum(squared_errors)
    sessions = _freedom(squared_errors, [ours.sessions, theirs.sessions]) + 1
    return Estimate(mean=theirs.mean - ours.mean, sd=math.sqrt(total * sessions), sessions=sessions)


def _freedom(squared_errors: list[float], sessions: list[int]) -> int:
    total = math.fsum(squared_errors)
    if total == 0:
        return sum(sessions) - 2
    shares = [error / total for error in squared_errors]
    spent = math.fsum(share**2 / (number - 1) for share, number in zip(shares, sessions, strict=True))
    return math.floor(1 / spent + ROUNDING)
