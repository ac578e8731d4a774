"""The interval in percent that a way of repeating a measurement leads to, and whether it tells the truth."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from harness.analysis.across.welch import welch
from harness.analysis.estimate import Estimate, estimate, percent
from harness.model import Model

CONFIDENCE = 0.95

Times = Sequence[float]


class Interval(Model):
    """An arm relative to its reference, in time: negative is faster."""

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
    """From mean times of runs that are independent of each other, at least 2 each: Welch's t on their logarithms."""
    return _in_percent(welch(np.log(reference), np.log(arm)))


def paired(arm: Times, reference: Times) -> Interval:
    """From mean times of runs that belong together, round by round, at least 2: Student's t on their log ratios."""
    return _in_percent(estimate(np.log(arm) - np.log(reference)))


def alarms_hold(alarms: int, repeats: int) -> bool:
    """Whether that many false alarms can be had by chance from intervals that cover the truth as often as they say."""
    return bool(stats.binomtest(alarms, repeats, 1 - CONFIDENCE, "greater").pvalue > 1 - CONFIDENCE)


def _in_percent(found: Estimate) -> Interval:
    low, high = found.interval(CONFIDENCE)
    return Interval(percent=percent(found.mean), percent_low=percent(low), percent_high=percent(high))
