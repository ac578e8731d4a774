"""Which burst length gives the narrowest interval in the time there is."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from harness.analysis.bursts import Series
from harness.experiment.schedule import MEDIAN_VARIANCE
from harness.model import AllanPoint

NORMAL_MAD = 0.6745  # the median distance from the centre, in standard deviations of normal values
Z_95 = 1.96
GOOD_ENOUGH = 1.1  # times the least variance
MIN_BURST = 4  # the mean of fewer is no mean, and most requests would be spent on settling, out of p99's sight


def allan_deviation(stretches: Iterable[Series], length: int) -> float:
    """How far neighbouring means of `length` values differ, over sqrt(2): a log ratio.

    Each stretch is without a gap and has at least 2 * `length` values. The scale is robust, for what follows takes
    medians: a slow request counts no more than it moves what is typical.
    """
    means = [np.log(sliding_window_view(stretch, length).mean(axis=-1)) for stretch in stretches]
    steps = np.concatenate([of_stretch[length:] - of_stretch[:-length] for of_stretch in means])
    return float(np.median(np.abs(steps))) / NORMAL_MAD / math.sqrt(2)


def allan_curve(times: Series, rounds_of: Callable[[int], float]) -> tuple[AllanPoint, ...]:
    """The bursts of 1, 2, 4, ... requests that fit twice into a visit, (visits, positions) of settled requests.

    `rounds_of(burst)` is how many rounds fit the planned time, settling included: so the variance of the median
    effect is pi/2 * 2 * sigma^2 / rounds, which is Var = 4 * tau * sigma^2 / T for the mean of two arms.
    """
    if not times.size:
        return ()
    lengths = (2**power for power in range((times.shape[1] // 2).bit_length()))
    return tuple(_point(length, allan_deviation(times, length), rounds_of(length)) for length in lengths)


def best_burst(points: Sequence[AllanPoint]) -> int:
    """The longest burst whose variance is within 10 % of the least, of those that are 4 requests or longer.

    The longest there is where none is.
    """
    candidates = [point for point in points if point.burst >= MIN_BURST] or points[-1:]
    limit = math.sqrt(GOOD_ENOUGH) * min(point.half_width_percent for point in candidates)
    return max(point.burst for point in candidates if point.half_width_percent <= limit)


def _point(length: int, deviation: float, rounds: float) -> AllanPoint:
    half_width = Z_95 * math.sqrt(MEDIAN_VARIANCE * 2 / rounds) * deviation
    return AllanPoint(burst=length, deviation_percent=100 * deviation, half_width_percent=100 * half_width)
