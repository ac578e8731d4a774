"""The mean over sessions, with the interval and the p that Student's t gives it."""

import math
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtr, stdtrit  # the same values as scipy.stats.t, many times faster

from harness.analysis.bursts import Series

LARGEST_LOG = 700.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean and standard deviation of one value per session; at least 2 sessions."""

    mean: float
    sd: float
    sessions: int

    @property
    def standard_error(self) -> float:
        return self.sd / math.sqrt(self.sessions)

    def half_width(self, confidence: float) -> float:
        return float(stdtrit(self.sessions - 1, (1 + confidence) / 2)) * self.standard_error

    def interval(self, confidence: float) -> tuple[float, float]:
        half = self.half_width(confidence)
        return self.mean - half, self.mean + half

    @property
    def p(self) -> float:
        """Of the two-sided t test against 0; sessions that all agree leave no doubt either way."""
        if self.standard_error == 0:
            return 0.0 if self.mean else 1.0
        return 2 * float(stdtr(self.sessions - 1, -abs(self.mean) / self.standard_error))


def estimate(values: Series) -> Estimate:
    """The estimate from `values`, one per session; exact sums, so that their order leaves no trace."""
    per_session = values.tolist()
    return Estimate(mean=fmean(per_session), sd=stdev(per_session), sessions=len(per_session))


def percent(log_ratio: float) -> float:
    """log(1.1) is +10 %; what is beyond all floating point stays finite, for JSON knows no infinity."""
    return 100 * math.expm1(min(log_ratio, LARGEST_LOG))
