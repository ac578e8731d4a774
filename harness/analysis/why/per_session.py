"""A quantity in each session: of one arm, or a weighted sum of arms paired round by round."""

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
    """Return the values of the visits by arm and round, without missing ones."""
    values: dict[str, dict[int, float]] = {}
    for visit in visits:
        number = value(visit)
        if number is not None:
            values.setdefault(visit.arm, {})[visit.round] = number
    return values


def level(records: Sequence[Record], arm: str, value: Value, centre: Centre) -> BySession:
    """Return one value for each session with the arm."""
    return combined(records, {arm: 1}, value, centre)


def difference(records: Sequence[Record], pair: Pair, value: Value, centre: Centre) -> BySession:
    """Return arm - against for each session that has a round with both."""
    return combined(records, {pair[0]: 1, pair[1]: -1}, value, centre)


def combined(records: Sequence[Record], weights: PerArm, value: Value, centre: Centre) -> BySession:
    """Return the weighted sum of arms for each session: the typical value over the rounds that have all arms."""
    sums = {record.session: _sums(quantity(record.visits, value), weights) for record in records}
    return {session: centred(of_rounds, centre) for session, of_rounds in sums.items() if of_rounds}


def total(parts: Sequence[BySession]) -> BySession:
    """Return the sum of `parts`, in the sessions that have them all."""
    shared = set.intersection(*map(set, parts)) if parts else set()
    return {session: sum(part[session] for part in parts) for session in sorted(shared)}


def less(whole: BySession, *parts: BySession) -> BySession:
    """Return `whole` minus `parts`, in the sessions that have all of them."""
    return total([whole, *({session: -value for session, value in part.items()} for part in parts)])


def amount(per_session: BySession, confidence: float = CONFIDENCE) -> Amount | None:
    """Return the mean over sessions with its interval by Student's t; None without sessions."""
    values = list(per_session.values())
    if not values:
        return None
    if len(values) < 2:
        return Amount(value=values[0])
    over_sessions = estimate(np.asarray(values))
    low, high = over_sessions.interval(confidence)
    return Amount(value=over_sessions.mean, low=low, high=high)


def centred(values: Sequence[float], centre: Centre) -> float:
    """Return the typical round. Counts need the mean: trimming would remove rare events."""
    series: Series = np.asarray(values)
    if centre == "median":
        return float(np.median(series))
    return float(stats.trim_mean(series, TRIMMED_SHARE if centre == "trimmed" else 0))


def _sums(series: Mapping[str, Mapping[int, float]], weights: PerArm) -> list[float]:
    if not all(arm in series for arm in weights):
        return []
    shared = set.intersection(*(set(series[arm]) for arm in weights))
    return [sum(weight * series[arm][round_] for arm, weight in weights.items()) for round_ in sorted(shared)]
