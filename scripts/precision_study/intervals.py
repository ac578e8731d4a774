"""Confidence intervals in percent from repeated runs, and whether their false-alarm rate is consistent with 95 %."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from harness.analysis.statistics.intervals import (
    Estimate,
    estimate_mean,
    to_percent,
    welch_difference,
)
from harness.model import JsonModel

CONFIDENCE = 0.95

Times = Sequence[float]


class Interval(JsonModel):
    """The time of an arm relative to its reference, with its 95 % interval; negative is faster."""

    percent: float
    percent_low: float
    percent_high: float

    @property
    def half_width_percent(self) -> float:
        return (self.percent_high - self.percent_low) / 2

    @property
    def excludes_zero(self) -> bool:
        return self.percent_low > 0 or self.percent_high < 0


def independent(arm: Times, reference: Times) -> Interval:
    """Return Welch's t interval on the logarithms of mean times of independent runs, at least 2 per arm."""
    return _in_percent(welch_difference(np.log(reference), np.log(arm)))


def paired(arm: Times, reference: Times) -> Interval:
    """Return Student's t interval on the log ratios of mean times of runs paired by round, at least 2 rounds."""
    return _in_percent(estimate_mean(np.log(arm) - np.log(reference)))


def alarms_hold(alarms: int, repeats: int) -> bool:
    """Return whether valid 95 % intervals could give this many false alarms by chance (binomial test)."""
    return bool(stats.binomtest(alarms, repeats, 1 - CONFIDENCE, "greater").pvalue > 1 - CONFIDENCE)


def _in_percent(found: Estimate) -> Interval:
    low, high = found.interval(CONFIDENCE)
    return Interval(percent=to_percent(found.mean), percent_low=to_percent(low), percent_high=to_percent(high))
