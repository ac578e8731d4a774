"""Quantities per request, session by session, and the difference of each between two arms."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from harness.analysis.statistics.inference import CONFIDENCE, estimate_mean
from harness.analysis.statistics.series import ArmPair, centre_of_rounds
from harness.model import ROLES, Interval, Record, VisitRow
from harness.model.metrics import Centre

TIME_SUFFIX = "_us"
TICK_SUFFIXES = (
    "user_us",
    "system_us",
    "steal_us",
)  # in steps of 10 ms, so 0 in most visits: trimming would remove all

VisitValue = Callable[[VisitRow], float | None]
ArmWeights = Mapping[str, float]
BySession = Mapping[int, float]


def time_us(visit: VisitRow) -> float | None:
    """Return the mean time per request."""
    return visit.mean_us


def wall_us(visit: VisitRow) -> float | None:
    """Return the wall time of the visit per request."""
    return visit.wall_us


def cpu_total_us(visit: VisitRow) -> float | None:
    """Return the CPU time of client and servers together."""
    return sum(visit.cpu_us.values()) if visit.cpu_us else None


def role_cpu_us(role: str) -> VisitValue:
    """Return the function that gives the CPU time of `role`."""
    return partial(_cpu_us, role)


def counter_value(name: str) -> VisitValue:
    """Return the function that gives the counter `name`; "nginx.cpu_us" is the CPU time of that role."""
    role, _, what = name.partition(".")
    return role_cpu_us(role) if what == "cpu_us" and role in ROLES else partial(_counter, name)


def counter_centre(name: str) -> Centre:
    """Return how rounds are centred: trimmed for times, because CPU time may be stolen; the mean for counts."""
    return "trimmed" if name.endswith(TIME_SUFFIX) and not name.endswith(TICK_SUFFIXES) else "mean"


def counter_names(records: Sequence[Record]) -> list[str]:
    """Return the names of all counters of any visit, CPU time first, in the order of roles."""
    visits = [visit for record in records for visit in (*record.visits, *record.counted)]
    roles = {role for visit in visits for role in visit.cpu_us}
    cpu = [f"{role}.cpu_us" for role in ROLES if role in roles]
    return [*cpu, *dict.fromkeys(name for visit in visits for name in visit.counters)]


def _cpu_us(role: str, visit: VisitRow) -> float | None:
    return visit.cpu_us.get(role)


def _counter(name: str, visit: VisitRow) -> float | None:
    return visit.counters.get(name)


def values_by_arm_and_round(visits: Sequence[VisitRow], value: VisitValue) -> dict[str, dict[int, float]]:
    """Return the values of the visits by arm and round, without missing ones."""
    values: dict[str, dict[int, float]] = {}
    for visit in visits:
        number = value(visit)
        if number is not None:
            values.setdefault(visit.arm, {})[visit.round] = number
    return values


def level_by_session(records: Sequence[Record], arm: str, value: VisitValue, centre: Centre) -> BySession:
    """Return one value for each session with the arm."""
    return contrast_by_session(records, {arm: 1}, value, centre)


def difference_by_session(records: Sequence[Record], pair: ArmPair, value: VisitValue, centre: Centre) -> BySession:
    """Return arm - against for each session that has a round with both."""
    return contrast_by_session(records, {pair[0]: 1, pair[1]: -1}, value, centre)


def contrast_by_session(records: Sequence[Record], weights: ArmWeights, value: VisitValue, centre: Centre) -> BySession:
    """Return the weighted sum of arms for each session: the typical value over the rounds that have all arms."""
    sums = {
        record.session: _weighted_sums(values_by_arm_and_round(record.visits, value), weights) for record in records
    }
    return {
        session: float(centre_of_rounds(np.asarray(of_rounds), centre))
        for session, of_rounds in sums.items()
        if of_rounds
    }


def sum_by_session(parts: Sequence[BySession]) -> BySession:
    """Return the sum of `parts`, in the sessions that have them all."""
    shared = set.intersection(*map(set, parts)) if parts else set()
    return {session: sum(part[session] for part in parts) for session in sorted(shared)}


def subtract_by_session(whole: BySession, *parts: BySession) -> BySession:
    """Return `whole` minus `parts`, in the sessions that have all of them."""
    return sum_by_session([whole, *({session: -value for session, value in part.items()} for part in parts)])


def mean_interval(per_session: BySession, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the mean over sessions with its interval by Student's t; None without sessions."""
    values = list(per_session.values())
    if not values:
        return None
    if len(values) < 2:
        return Interval(value=values[0])
    return estimate_mean(np.asarray(values)).with_interval(confidence)


def _weighted_sums(series: Mapping[str, Mapping[int, float]], weights: ArmWeights) -> list[float]:
    if not all(arm in series for arm in weights):
        return []
    shared = set.intersection(*(set(series[arm]) for arm in weights))
    return [sum(weight * series[arm][round_] for arm, weight in weights.items()) for round_ in sorted(shared)]
