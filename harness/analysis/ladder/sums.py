"""Sums of ladder steps, session by session."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.analysis.bursts import Series
from harness.analysis.effects import Effects, Pair
from harness.analysis.factors.contrasts import by_session
from harness.model import Metric


@dataclass(frozen=True, slots=True)
class Sum:
    """The effects of `plus` added up, less those of `minus`."""

    plus: tuple[Pair, ...]
    minus: tuple[Pair, ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms of the pairs."""
        return tuple(dict.fromkeys(name for pair in (*self.plus, *self.minus) for name in pair))


def summed(sessions: Mapping[int, Mapping[str, Series]], pair_sum: Sum, metric: Metric) -> Effects:
    """Return the sum for each session that has every pair; `sessions` are results of `over_rounds`, by number.

    Each step is the typical round of its session, so the rows of the report's table add up to its sum.
    """
    signs = np.array([1.0] * len(pair_sum.plus) + [-1.0] * len(pair_sum.minus))
    by_pair = [by_session(sessions, pair, metric) for pair in (*pair_sum.plus, *pair_sum.minus)]
    complete = [number for number in sessions if all(number in values_by_session for values_by_session in by_pair)]
    values = np.array(
        [signs @ np.array([values_by_session[number] for values_by_session in by_pair]) for number in complete]
    ).reshape(-1, 2)
    return Effects(log_ratio=values[:, 0], difference_us=values[:, 1])
