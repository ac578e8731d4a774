"""Group-sequential error rates: several looks at the data raise no more false alarms than one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from scipy.special import ndtr, ndtri

from harness.analysis.statistics.series import Series

ALPHA = 0.05
BOUND_TOLERANCE = 1e-13
QUADRATURE_NODES = 32  # 80 give the same bound to 1e-12,
QUADRATURE_NODES_PER_SD = 12  # except for looks so close together that the density is narrow

# The error rate of a two-sided test, by the number of sessions that it rests on.
ErrorRate = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class StoppingBoundary:
    """The boundary |B(sessions / last)| < `bound` for a Brownian motion B: O'Brien and Fleming (1979)."""

    first: int
    last: int
    bound: float

    def error_rate(self, sessions: int) -> float:
        """Return the error rate at a look; before the first and after the last look it is that of the nearest."""
        share = min(max(sessions, self.first) / self.last, 1.0)
        return 2 * float(ndtr(-self.bound / math.sqrt(share)))


def single_look_error_rate(_sessions: int) -> float:
    """Return the error rate of a run without interim looks."""
    return ALPHA


def error_rate_of(looks: Sequence[int]) -> ErrorRate:
    """Return the error rate of a run that may stop after any of `looks`, increasing numbers of sessions."""
    return (
        StoppingBoundary(first=looks[0], last=looks[-1], bound=stopping_bound(looks)).error_rate
        if len(looks) > 1
        else single_look_error_rate
    )


def confidence_at(looks: Sequence[int], sessions: int) -> float:
    """Return the confidence of an interval after `sessions` sessions."""
    return 1 - error_rate_of(looks)(sessions)


def stopping_bound(looks: Sequence[int]) -> float:
    """Return the bound that |B| exceeds at any of the `looks` in 5 % of cases; 2.024 for four equally spaced."""
    times = [sessions / looks[-1] for sessions in looks]
    low = float(ndtri(1 - ALPHA / 2))
    high = 2 * low
    while high - low > BOUND_TOLERANCE:
        middle = (low + high) / 2
        low, high = (middle, high) if crossing_probability(times, middle) > ALPHA else (low, middle)
    return (low + high) / 2


def crossing_probability(times: Sequence[float], bound: float) -> float:
    """Return the probability of |B(t)| > `bound` at any of `times`: Armitage, McPherson and Rowe (1969)."""
    narrowest = math.sqrt(min(later - earlier for earlier, later in pairwise([0.0, *times])))
    nodes, weights = _quadrature(max(QUADRATURE_NODES, math.ceil(QUADRATURE_NODES_PER_SD / narrowest)))
    points = bound * nodes
    density = _normal_density(points, times[0])
    for before, after in pairwise(times):
        step = _normal_density(points[:, None] - points, after - before)
        density = step @ (density * bound * weights)
    return 1 - float(density @ (bound * weights))


@cache
def _quadrature(number: int) -> tuple[Series, Series]:
    """Return the nodes in [-1, 1] and the weights of Gauss and Legendre, which take longer than all the rest."""
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return nodes, weights


def _normal_density(values: Series, variance: float) -> Series:
    return np.asarray(np.exp(-(values**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance))
