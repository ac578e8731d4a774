"""The mean over sessions, with its interval and p by Student's t."""

import math
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtr, stdtrit  # the same values as scipy.stats.t, many times faster

from harness.analysis.bursts import Series

LARGEST_LOG = 700.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean and standard deviation of one value per session, from at least 2 sessions."""

    mean: float
    sd: float
    sessions: int

    @property
    def standard_error(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(self.sessions)

    def half_width(self, confidence: float) -> float:
        """Return half the width of the interval at `confidence`."""
        return float(stdtrit(self.sessions - 1, (1 + confidence) / 2)) * self.standard_error

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the interval at `confidence`."""
        half = self.half_width(confidence)
        return self.mean - half, self.mean + half

    @property
    def p(self) -> float:
        """p of the two-sided t test against 0; without any spread it is 0, or 1 for a mean of 0."""
        if self.standard_error == 0:
            return 0.0 if self.mean else 1.0
        return 2 * float(stdtr(self.sessions - 1, -abs(self.mean) / self.standard_error))


def estimate(values: Series) -> Estimate:
    """Return the estimate from `values`, one per session. Sums are exact, so their order does not matter."""
    per_session = values.tolist()
    return Estimate(mean=fmean(per_session), sd=stdev(per_session), sessions=len(per_session))


def percent(log_ratio: float) -> float:
    """Return a log ratio in percent: log(1.1) is +10. The result stays finite, because JSON has no infinity."""
    return 100 * math.expm1(min(log_ratio, LARGEST_LOG))
