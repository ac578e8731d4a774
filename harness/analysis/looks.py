"""How sure a verdict must be at each look, so that several looks raise no more false alarms than one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import norm

ALPHA = 0.05
NODES = 32  # of the quadrature: 80 give the same bound to 1e-12,
NODES_PER_SD = 12  # but for looks that follow so soon that a density is narrow

# The error rate of a two-sided test, by the number of sessions that it rests on.
ErrorRate = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Boundary:
    """|B(sessions / last)| < `bound` for a Brownian motion B: O'Brien and Fleming (1979)."""

    first: int
    last: int
    bound: float

    def error_rate(self, sessions: int) -> float:
        """Beyond the last look as at the last look; and before the first, where a run can only be cut off, as there."""
        share = min(max(sessions, self.first) / self.last, 1.0)
        return 2 * float(ndtr(-self.bound / math.sqrt(share)))


def single_look(_sessions: int) -> float:
    """The error rate where nobody looks before the end."""
    return ALPHA


def error_rate_of(looks: Sequence[int]) -> ErrorRate:
    """The error rate of a run that may stop after any of `looks`, which are increasing numbers of sessions."""
    return Boundary(first=looks[0], last=looks[-1], bound=bound(looks)).error_rate if len(looks) > 1 else single_look


def confidence_at(looks: Sequence[int], sessions: int) -> float:
    """The confidence of an interval after so many sessions."""
    return 1 - error_rate_of(looks)(sessions)


def bound(looks: Sequence[int]) -> float:
    """What |B| exceeds at one of the `looks` or more in 5 % of cases; 2.024 for four at equal distances."""
    times = [sessions / looks[-1] for sessions in looks]
    single = float(ndtri(1 - ALPHA / 2))
    return float(brentq(lambda bound: crossing(times, bound) - ALPHA, single, 2 * single))


def crossing(times: Sequence[float], bound: float) -> float:
    """The probability of |B(t)| > `bound` at any of the `times`, look by look: Armitage, McPherson and Rowe (1969)."""
    narrowest = math.sqrt(min(later - earlier for earlier, later in pairwise([0.0, *times])))
    nodes, weights = np.polynomial.legendre.leggauss(max(NODES, math.ceil(NODES_PER_SD / narrowest)))
    places = bound * nodes
    density = norm.pdf(places, scale=math.sqrt(times[0]))
    for before, after in pairwise(times):
        step = norm.pdf(places[:, None] - places, scale=math.sqrt(after - before))
        density = step @ (density * bound * weights)
    return 1 - float(density @ (bound * weights))
