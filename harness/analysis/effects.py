"""The effect of a pair of arms in each session: a log ratio and a difference, paired round by round."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.analysis.bursts import Series
from harness.model import Metric

Pair = tuple[str, str]  # (arm, against)

TRIMMED_SHARE = 0.1  # at either end


@dataclass(frozen=True, slots=True)
class Effects:
    """One value for each session with both arms, (sessions,): log(arm / against), and the difference."""

    log_ratio: Series
    difference_us: Series


def effects(sessions: Iterable[Mapping[str, Series]], pair: Pair, metric: Metric) -> Effects:
    """Return the effects of `pair`; `sessions` are results of `over_rounds`.

    A round without a value for either arm is left out, and so is a session without any other round.
    """
    arm, against = pair
    paired = [
        _rounds_with_both(series[arm], series[against]) for series in sessions if arm in series and against in series
    ]
    usable = [(a, b) for a, b in paired if a.size]
    return Effects(
        log_ratio=np.array([centre(np.log(a) - np.log(b), metric) for a, b in usable]),
        difference_us=np.array([centre(a - b, metric) for a, b in usable]),
    )


def centre(per_round: Series, metric: Metric) -> Series:
    """Return the typical round, (..., rounds) to (...): the median for "latency", or else the trimmed mean.

    Simulated for CPU time: the median inherits the steps of a coarse clock (4 % off at steps of 1 ms in bursts of
    4 ms), and the ratio of session totals inherits stolen CPU (an interval twice as wide). CPU time that leaks into the
    next visit shrinks all three by the leaked share.
    """
    if metric == "latency":
        return np.asarray(np.median(per_round, axis=-1))
    return np.asarray(stats.trim_mean(per_round, TRIMMED_SHARE, axis=-1))


def _rounds_with_both(a: Series, b: Series) -> tuple[Series, Series]:
    both = np.isfinite(a) & np.isfinite(b)
    return a[both], b[both]
