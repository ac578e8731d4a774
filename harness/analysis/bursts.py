"""A session's data for the statistics: one value per round for each arm."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from harness.analysis.capacity import capacities
from harness.model import SERVER_ROLES, SERVICE, Metric, Record, VisitRow

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SessionData:
    """A session's record and its raw times: columns round, order, arm, position, start_ns, latency_ns, late_ns.

    `requests` is empty if an outside tool reported no single times.
    """

    record: Record
    requests: pl.DataFrame


def over_rounds(record: Record, metric: Metric) -> dict[str, Series]:
    """Return the microseconds of the visits of each arm, (rounds,): NaN for a missing value.

    Metric "cpu" is CPU time per request, all roles together; "throughput" the mean time from one request to the next
    with many in flight; "capacity" one value for the session, the time per request at the highest rate that held; the
    others are the mean time of the burst.
    """
    if metric == "capacity":
        return {arm: np.array([1e6 / per_s]) for arm, per_s in capacities(record).items()}
    value_us = _VALUES.get(metric, _time_us)
    index_of = {number: index for index, number in enumerate(sorted({visit.round for visit in record.visits}))}
    series = {visit.arm: np.full(len(index_of), np.nan) for visit in record.visits}
    for visit in record.visits:
        series[visit.arm][index_of[visit.round]] = value_us(visit)
    return series


def _time_us(visit: VisitRow) -> float:
    return _positive(visit.mean_us or 0)


def _cpu_us(visit: VisitRow) -> float:
    return _positive(sum(visit.cpu_us.get(role, 0) for role in (*SERVER_ROLES, SERVICE)))


def _interval_us(visit: VisitRow) -> float:
    """Return NaN for requests at a rate: their interval is that of the rate, not of the arm."""
    return np.nan if visit.late_us is not None else _positive(visit.interval_us or 0)


def _positive(value_us: float) -> float:
    """Return NaN for 0: no request takes no time, so nothing was measured."""
    return value_us if value_us > 0 else np.nan


_VALUES: dict[Metric, Callable[[VisitRow], float]] = {"cpu": _cpu_us, "throughput": _interval_us}
