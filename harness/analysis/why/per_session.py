"""What each session says of a quantity: of one arm, or of two paired round by round."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from scipy import stats

from harness.analysis.bursts import Series
from harness.analysis.effects import TRIMMED_SHARE, Pair
from harness.analysis.estimate import estimate
from harness.model import Amount, Record, VisitRow

CONFIDENCE = 0.95

Value = Callable[[VisitRow], float | None]
Centre = Literal["median", "trimmed", "mean"]
PerArm = Mapping[str, float]
BySession = Mapping[int, float]


def quantity(visits: Sequence[VisitRow], value: Value) -> dict[str, dict[int, float]]:
    """Per arm and round the value of its visit, where it has one."""
    found: dict[str, dict[int, float]] = {}
    for visit in visits:
        seen = value(visit)
        if seen is not None:
            found.setdefault(visit.arm, {})[visit.round] = seen
    return found


def level(records: Sequence[Record], arm: str, value: Value, centre: Centre) -> BySession:
    """One value for each session that has any of the arm."""
    return combined(records, {arm: 1}, value, centre)


def difference(records: Sequence[Record], pair: Pair, value: Value, centre: Centre) -> BySession:
    """arm - against, for each session that has a round with both."""
    return combined(records, {pair[0]: 1, pair[1]: -1}, value, centre)


def combined(records: Sequence[Record], weights: PerArm, value: Value, centre: Centre) -> BySession:
    """The weighted sum of arms in each round that has them all, centred over the rounds of each session."""
    sums = {record.session: _sums(quantity(record.visits, value), weights) for record in records}
    return {session: centred(of_rounds, centre) for session, of_rounds in sums.items() if of_rounds}


def total(parts: Sequence[BySession]) -> BySession:
    """The sum of `parts`, in the sessions that have them all."""
    shared = set.intersection(*map(set, parts)) if parts else set()
    return {session: sum(part[session] for part in parts) for session in sorted(shared)}


def less(whole: BySession, *parts: BySession) -> BySession:
    """What is left of `whole` without `parts`, in the sessions that have all of them."""
    return total([whole, *({session: -value for session, value in part.items()} for part in parts)])


def amount(per_session: BySession, confidence: float = CONFIDENCE) -> Amount | None:
    """The mean with its interval, Student's t over the sessions; None without any."""
    values = list(per_session.values())
    if not values:
        return None
    if len(values) < 2:
        return Amount(value=values[0])
    found = estimate(np.asarray(values))
    low, high = found.interval(confidence)
    return Amount(value=found.mean, low=low, high=high)


def centred(values: Sequence[float], centre: Centre) -> float:
    """The typical round. Counts take the mean: what is rare is no outlier, and trimming would take it away."""
    series: Series = np.asarray(values)
    if centre == "median":
        return float(np.median(series))
    return float(stats.trim_mean(series, TRIMMED_SHARE if centre == "trimmed" else 0))


def _sums(series: Mapping[str, Mapping[int, float]], weights: PerArm) -> list[float]:
    if not all(arm in series for arm in weights):
        return []
    shared = set.intersection(*(set(series[arm]) for arm in weights))
    return [sum(weight * series[arm][round_] for arm, weight in weights.items()) for round_ in sorted(shared)]
