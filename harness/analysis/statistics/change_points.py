"""Change points of a series of values with known errors: where their mean changes, and the mean on either side."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray

MIN_VALUES = 6  # with fewer, scatter and a change look alike
MIN_SEGMENT = 2  # a single value that differs is an outlier until another confirms it
TRIMMED_SHARE, TRIMMED_MEAN = 0.8, 0.4377  # the lowest of chi squares with one degree of freedom, and their mean
UNCERTAINTY = 2.0  # over the number of values: by what share an estimated ratio is raised
NORMAL_QUANTILE = 1.96  # of a 95 % interval
METHOD = (
    "Change points: optimal partitioning (Jackson and others 2005) with the modified BIC of Zhang and Siegmund (2007). "
    "Each run counts by its interval; where neighbouring runs scatter by more than their intervals say, all intervals "
    f"are widened by Birge's ratio. It takes {MIN_VALUES} valid runs, and {MIN_SEGMENT} on either side of a change."
)


@dataclass(frozen=True, slots=True)
class MeanSegment:
    """Values from place `start` up to but without `stop` that have one mean; `half_width` is of its 95 % interval."""

    start: int
    stop: int
    mean: float
    half_width: float


def segments(values: Sequence[float], standard_errors: Sequence[float]) -> list[MeanSegment]:
    """Return the segments of constant mean, in order; one if nothing changes.

    The least cost over all partitions, exactly: the squared errors in units of the standard errors, 3 log(n) for each
    change, and the logarithm of each segment's share (Zhang and Siegmund 2007, as -2 log of the likelihood).
    """
    y, errors = np.asarray(values, dtype=float), np.asarray(standard_errors, dtype=float)
    weights = 1 / (birge_ratio(y, errors) * errors) ** 2
    sums = np.array([np.concatenate([[0.0], np.cumsum(part)]) for part in (weights, weights * y, weights * y * y)])
    stops = _best_stops(sums) if len(y) >= MIN_VALUES else [len(y)]
    starts = [0, *stops[:-1]]
    return [_segment(sums, start, stop) for start, stop in zip(starts, stops, strict=True)]


def birge_ratio(y: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    """Return by what factor neighbouring values scatter beyond their errors, 1 or more (Birge 1932).

    From the squared differences of neighbours in units of their errors. The largest fifth does not count: changes are
    among them. The ratio is raised where it comes from few values.
    """
    if len(y) < 2:
        return 1.0
    squares = np.sort(np.diff(y) ** 2 / (errors[1:] ** 2 + errors[:-1] ** 2))
    ratio = sqrt(float(squares[: ceil(TRIMMED_SHARE * len(squares))].mean()) / TRIMMED_MEAN)
    return ratio * (1 + UNCERTAINTY / len(y)) if ratio > 1 else 1.0


def _best_stops(sums: NDArray[np.float64]) -> list[int]:
    """Return the ends of the segments with the least cost; `sums` are cumulative, (weights, weighted y, y squared)."""
    n = sums.shape[1] - 1
    penalty = 3 * log(n)
    least = np.full(n + 1, np.inf)
    least[0] = -penalty  # the first segment is no change
    last = np.zeros(n + 1, dtype=int)
    for stop in range(MIN_SEGMENT, n + 1):
        starts = np.arange(stop - MIN_SEGMENT + 1)
        weight, first, second = sums[:, [stop]] - sums[:, starts]
        costs = least[starts] + second - first**2 / weight + np.log((stop - starts) / n) + penalty
        last[stop] = int(np.argmin(costs))
        least[stop] = costs[last[stop]]
    stops = [n]
    while last[stops[-1]] > 0:
        stops.append(int(last[stops[-1]]))
    return stops[::-1]


def _segment(sums: NDArray[np.float64], start: int, stop: int) -> MeanSegment:
    weight, weighted, _ = sums[:, stop] - sums[:, start]
    return MeanSegment(start, stop, float(weighted / weight), NORMAL_QUANTILE / sqrt(float(weight)))
