"""The carry-over after a switch of arms, and the number of untimed requests that removes it."""

import math
from collections.abc import Sequence

import numpy as np

from harness.analysis.bursts import Series
from harness.analysis.estimate import percent
from harness.analysis.pilot.allan import Z_95
from harness.model import CurvePoint

LONGEST = 32  # positions
BURST = 8  # whose mean must have settled: in a longer burst the first requests weigh less
TOLERANCE_PERCENT = 0.25
MOST_SETTLE = 16  # what has not settled by then is noise


def carry_over(times: Series) -> tuple[CurvePoint, ...]:
    """Return the curve over the first half of the positions, from times of (visits, positions) in any unit.

    The second half of a visit is its settled level. A point is the median over visits of the log ratio to that level,
    with the interval of a median, which lies between two order statistics.
    """
    if not times.size:
        return ()
    half = times.shape[1] // 2
    logs = np.log(times)
    ratios = logs - np.median(logs[:, half:], axis=1, keepdims=True)
    return tuple(_carry_over_point(position, ratios[:, position]) for position in range(min(half, LONGEST)))


def settled_after(curve: Sequence[CurvePoint]) -> int:
    """Return the fewest requests after which the next one and the mean of the next 8 have settled.

    Settled means that the 95 % interval reaches within 0.25 % of the settled level. At most 16, or as many as the curve
    has room for.
    """
    burst = min(BURST, len(curve))
    last = min(len(curve) - burst, MOST_SETTLE)
    return next((settle for settle in range(last) if _settled(curve[settle : settle + burst])), last)


def _carry_over_point(position: int, ratios: Series) -> CurvePoint:
    half_share = Z_95 / (2 * math.sqrt(ratios.size))
    shares = np.clip([0.5, 0.5 - half_share, 0.5 + half_share], 0, 1)
    middle, low, high = (percent(float(ratio)) for ratio in np.quantile(ratios, shares))
    return CurvePoint(position=position, percent=middle, percent_low=low, percent_high=high)


def _settled(points: Sequence[CurvePoint]) -> bool:
    errors = [(point.percent_high - point.percent_low) / 2 for point in points]
    mean = math.fsum(point.percent for point in points) / len(points)
    return _is_close(points[0].percent, errors[0]) and _is_close(mean, math.hypot(*errors) / len(points))


def _is_close(deviation_percent: float, error_percent: float) -> bool:
    return abs(deviation_percent) - error_percent <= TOLERANCE_PERCENT
