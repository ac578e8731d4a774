"""The Allan deviation by burst length, and the burst with the narrowest interval in the planned time."""

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
MIN_BURST = 4  # with fewer, most requests would be untimed and would not count for p99


def allan_deviation(stretches: Iterable[Series], length: int) -> float:
    """Return the Allan deviation of means of `length` values, as a log ratio.

    Each stretch has no gap and at least 2 * `length` values. The scale is robust (a MAD), because the effects are
    medians over rounds.
    """
    means = [np.log(sliding_window_view(stretch, length).mean(axis=-1)) for stretch in stretches]
    steps = np.concatenate([of_stretch[length:] - of_stretch[:-length] for of_stretch in means])
    return float(np.median(np.abs(steps))) / NORMAL_MAD / math.sqrt(2)


def allan_curve(times: Series, rounds_of: Callable[[int], float]) -> tuple[AllanPoint, ...]:
    """Return the curve for bursts of 1, 2, 4, ... requests that fit twice into the settled (visits, positions).

    `rounds_of(burst)` is the number of rounds in the planned time, settling included. The variance of the median effect
    is pi/2 * 2 * sigma^2 / rounds, which is Var = 4 * tau * sigma^2 / T for the mean of two arms.
    """
    if not times.size:
        return ()
    lengths = (2**power for power in range((times.shape[1] // 2).bit_length()))
    return tuple(_allan_point(length, allan_deviation(times, length), rounds_of(length)) for length in lengths)


def best_burst(points: Sequence[AllanPoint]) -> int:
    """Return the longest burst of at least 4 requests whose variance is within 10 % of the least.

    Without any of 4 requests, return the longest.
    """
    candidates = [point for point in points if point.burst >= MIN_BURST] or points[-1:]
    limit = math.sqrt(GOOD_ENOUGH) * min(point.half_width_percent for point in candidates)
    return max(point.burst for point in candidates if point.half_width_percent <= limit)


def _allan_point(length: int, deviation: float, rounds: float) -> AllanPoint:
    half_width = Z_95 * math.sqrt(MEDIAN_VARIANCE * 2 / rounds) * deviation
    return AllanPoint(burst=length, deviation_percent=100 * deviation, half_width_percent=100 * half_width)
