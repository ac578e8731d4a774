"""Estimates from resampled sessions, for values that only all sessions together have."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from harness.analysis.statistics.intervals import RESAMPLING_SEED, Estimate
from harness.analysis.statistics.series import Series

RESAMPLES = 4_999
MIN_RESAMPLED_SESSIONS = 8
FARTHEST_SD = 2.5  # that the resamples tell: about 30 of them lie beyond on either side


def draw_sessions(sessions: int) -> NDArray[np.int64]:
    """Return how often each resample has each session, (resamples, sessions); the same for every arm."""
    source = np.random.default_rng(RESAMPLING_SEED)
    return source.multinomial(sessions, np.full(sessions, 1 / sessions), RESAMPLES)


@dataclass(frozen=True, slots=True)
class ResampledEstimate(Estimate):
    """A value of all sessions together, with what it is in resamples of the sessions, ascending.

    It is a percentile bootstrap (Efron 1979) over sessions, expanded as Student's t is wider than the normal
    distribution and as the spread of so few sessions is too narrow (Hesterberg 2015). Beyond `FARTHEST_SD` it goes on
    in proportion, so that each p has an end of an interval. `scipy.stats.bootstrap` has neither that expansion nor a p.

    Simulated for the difference in p99 of two arms, in the worlds of `pooled_percentile` and in worse ones, from 8
    sessions and 10 requests beyond: it covers the truth in 93 to 99 % of 1,000 runs. Plain percentiles of resamples
    cover it in 88 %.
    """

    resamples: Series

    @classmethod
    def of(cls, values: Series, sessions: int) -> Self:
        """Return the estimate from the value, followed by those of the resamples."""
        sd = float(values[1:].std()) * math.sqrt(sessions) * _widening(sessions)
        return cls(float(values[0]), sd, sessions, np.sort(values[1:]))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the interval at `confidence`."""
        sds = float(stdtrit(self.sessions - 1, (1 + confidence) / 2)) * _widening(self.sessions)
        low, high = self._ends(min(sds, FARTHEST_SD))
        beyond = max(sds / FARTHEST_SD, 1.0)
        return self.mean + (low - self.mean) * beyond, self.mean + (high - self.mean) * beyond

    def half_width(self, confidence: float) -> float:
        """Return the longer part of the interval at `confidence`."""
        low, high = self.interval(confidence)
        return max(self.mean - low, high - self.mean)

    @property
    def p(self) -> float:
        """p of the two-sided test against 0: the interval at 1 - p ends there."""
        distances = self.resamples if self.mean > 0 else -self.resamples
        beyond_zero = np.count_nonzero(distances < 0) + np.count_nonzero(distances == 0) / 2
        sds = -float(ndtri(max(beyond_zero, 0.5) / distances.size))
        if sds > FARTHEST_SD:
            low, high = self._ends(FARTHEST_SD)
            nearest = abs((low if self.mean > 0 else high) - self.mean)
            sds = FARTHEST_SD * abs(self.mean) / nearest if nearest else math.inf
        return min(2 * float(stdtr(self.sessions - 1, -max(sds, 0.0) / _widening(self.sessions))), 1.0)

    def _ends(self, sds: float) -> tuple[float, float]:
        low, high = np.quantile(self.resamples, [ndtr(-sds), ndtr(sds)])
        return float(low), float(high)


def _widening(sessions: int) -> float:
    """Return the factor from the spread of resamples to that of the sessions."""
    return math.sqrt(sessions / (sessions - 1))
