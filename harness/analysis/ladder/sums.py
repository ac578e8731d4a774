"""Sums of steps, session by session, and what a whole has beyond the sum of its parts."""

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
        return tuple(dict.fromkeys(name for pair in (*self.plus, *self.minus) for name in pair))


def summed(sessions: Mapping[int, Mapping[str, Series]], asked: Sum, metric: Metric) -> Effects:
    """One value for each session that has every pair; `sessions` are what `over_rounds` gave, by number.

    Steps are added as the report shows them: each the typical round of its session, so the sum of the table's rows is
    the table's sum.
    """
    signs = np.array([1.0] * len(asked.plus) + [-1.0] * len(asked.minus))
    seen = [by_session(sessions, pair, metric) for pair in (*asked.plus, *asked.minus)]
    shared = [number for number in sessions if all(number in one for one in seen)]
    values = np.array([signs @ np.array([one[number] for one in seen]) for number in shared]).reshape(-1, 2)
    return Effects(log_ratio=values[:, 0], difference_us=values[:, 1])
