"""Reads the visits of a session as series: times by round, effects between two arms, capacities."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from harness.model import SERVER_ROLES, SERVICE_ROLE, Metric, Record, VisitRow

Series = NDArray[np.float64]


def _cpu_us(visit: VisitRow) -> float:
    return _positive(sum(visit.cpu_us.get(role, 0) for role in (*SERVER_ROLES, SERVICE_ROLE)))


def _interval_us(visit: VisitRow) -> float:
    """Return NaN for requests at a rate: their interval is that of the rate, not of the arm."""
    return np.nan if visit.late_us is not None else _positive(visit.interval_us or 0)


_VALUES: dict[Metric, Callable[[VisitRow], float]] = {"cpu": _cpu_us, "throughput": _interval_us}
ArmPair = tuple[str, str]  # (arm, against)

TRIMMED_SHARE = 0.1  # at either end


@dataclass(frozen=True, slots=True)
class SessionData:
    """A session's record and its raw times: columns round, order, arm, position, start_ns, latency_ns, late_ns.

    `requests` is empty if an outside tool reported no single times.
    """

    record: Record
    requests: pl.DataFrame


def round_times_us(record: Record, metric: Metric) -> dict[str, Series]:
    """Return the microseconds of the visits of each arm, (rounds,): NaN for a missing value.

    Metric "cpu" is CPU time per request, all roles together; "throughput" the mean time from one request to the next
    with many in flight; "capacity" one value for the session, the time per request at the highest rate that held; the
    others are the mean time of the burst.
    """
    if metric == "capacity":
        return {arm: np.array([1e6 / per_s]) for arm, per_s in session_capacities(record).items()}
    value_us = _VALUES.get(metric, _time_us)
    index_of = {number: index for index, number in enumerate(sorted({visit.round for visit in record.visits}))}
    series = {visit.arm: np.full(len(index_of), np.nan) for visit in record.visits}
    for visit in record.visits:
        series[visit.arm][index_of[visit.round]] = value_us(visit)
    return series


def _time_us(visit: VisitRow) -> float:
    return _positive(visit.mean_us or 0)


def _positive(value_us: float) -> float:
    """Return NaN for 0: no request takes no time, so nothing was measured."""
    return value_us if value_us > 0 else np.nan


def session_capacities(record: Record) -> Mapping[str, float]:
    """Return requests per second by arm: the geometric middle between the last rates that held and failed.

    An arm that held at no rate has none. If every rate held, the highest one is a lower bound.
    """
    by_arm = {arm: _capacity(steps) for arm, steps in search_steps(record).items()}
    return {arm: per_s for arm, per_s in by_arm.items() if per_s is not None}


def search_steps(record: Record) -> dict[str, list[VisitRow]]:
    """Return the visits that tried a rate, by arm, in their order."""
    steps: dict[str, list[VisitRow]] = {}
    for visit in record.visits:
        if visit.holds is not None:
            steps.setdefault(visit.arm, []).append(visit)
    return steps


def _capacity(steps: Sequence[VisitRow]) -> float | None:
    held = [step.rate_per_s for step in steps if step.holds and step.rate_per_s]
    failed = [step.rate_per_s for step in steps if not step.holds and step.rate_per_s]
    if not held:
        return None
    return math.sqrt(max(held) * min(failed)) if failed else max(held)


@dataclass(frozen=True, slots=True)
class SessionValues:
    """One value for each session with both arms, (sessions,): log(arm / against), and the difference."""

    log_ratio: Series
    difference_us: Series


def pair_values(sessions: Iterable[Mapping[str, Series]], pair: ArmPair, metric: Metric) -> SessionValues:
    """Return the effects of `pair`; `sessions` are results of `round_times_us`.

    A round without a value for either arm is left out, and so is a session without any other round.
    """
    arm, against = pair
    paired = [
        _rounds_with_both(series[arm], series[against]) for series in sessions if arm in series and against in series
    ]
    usable = [(a, b) for a, b in paired if a.size]
    return SessionValues(
        log_ratio=np.array([typical_round(np.log(a) - np.log(b), metric) for a, b in usable]),
        difference_us=np.array([typical_round(a - b, metric) for a, b in usable]),
    )


def typical_round(per_round: Series, metric: Metric) -> Series:
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
