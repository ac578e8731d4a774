"""What a switch of arms leaves in the requests after it, and how many of them are best left untimed."""

import math
from collections.abc import Sequence

import numpy as np

from harness.analysis.bursts import Series
from harness.analysis.estimate import percent
from harness.model import CurvePoint

LONGEST = 32  # positions of the curve
BURST = 8  # over which the mean is looked at: in a longer burst its first requests weigh less
TOLERANCE_PERCENT = 0.25
MOST_SETTLE = 16  # what is not settled by then is the machine's noise, and the rest of the time is better spent timing
Z_95 = 1.96


def carry_over(times: Series) -> tuple[CurvePoint, ...]:
    """The curve over the first half of the visits' positions, from (visits, positions) in any unit.

    The second half of a visit is the level at which it settles. A point is the median over visits of the log ratio
    to that level, with the interval of a median, which lies between two order statistics.
    """
    if not times.size:
        return ()
    half = times.shape[1] // 2
    logs = np.log(times)
    ratios = logs - np.median(logs[:, half:], axis=1, keepdims=True)
    return tuple(_point(position, ratios[:, position]) for position in range(min(half, LONGEST)))


def settled_after(curve: Sequence[CurvePoint]) -> int:
    """The fewest requests after which neither the next one nor the mean of the next 8 is off the settled level.

    Off means farther than 0.25 %, and for sure: the whole 95 % interval. At most 16, or as many as the curve leaves
    room for.
    """
    burst = min(BURST, len(curve))
    last = min(len(curve) - burst, MOST_SETTLE)
    return next((settle for settle in range(last) if _settled(curve[settle : settle + burst])), last)


def _point(position: int, ratios: Series) -> CurvePoint:
    reach = Z_95 / (2 * math.sqrt(ratios.size))
    shares = np.clip([0.5, 0.5 - reach, 0.5 + reach], 0, 1)
    middle, low, high = (percent(float(ratio)) for ratio in np.quantile(ratios, shares))
    return CurvePoint(position=position, percent=middle, percent_low=low, percent_high=high)


def _settled(points: Sequence[CurvePoint]) -> bool:
    errors = [(point.percent_high - point.percent_low) / 2 for point in points]
    mean = math.fsum(point.percent for point in points) / len(points)
    return _is_close(points[0].percent, errors[0]) and _is_close(mean, math.hypot(*errors) / len(points))


def _is_close(deviation_percent: float, error_percent: float) -> bool:
    return abs(deviation_percent) - error_percent <= TOLERANCE_PERCENT
