"""Reads the visits of a session as series: times by round, effects between two arms, capacities."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from harness.model import METRICS, Record, VisitRow
from harness.model.metrics import Centre, capacity_per_s

Series = NDArray[np.float64]

ArmPair = tuple[str, str]  # (arm, against)

TRIMMED_SHARE = 0.1  # at either end


@dataclass(frozen=True, slots=True)
class SessionData:
    """A session's record and its raw times: columns round, order, arm, position, start_ns, latency_ns, late_ns.

    `requests` is empty if an outside tool reported no single times.
    """

    record: Record
    requests: pl.DataFrame


def round_times_us(record: Record, metric: str) -> dict[str, Series]:
    """Return the microseconds of each arm in `metric`, (rounds,): NaN for a missing value."""
    visits: dict[str, list[VisitRow]] = {}
    for visit in record.visits:
        visits.setdefault(visit.arm, []).append(visit)
    times_us = {arm: METRICS[metric].of_visits(of_arm) for arm, of_arm in visits.items()}
    rounds = sorted({round_ for of_arm in times_us.values() for round_ in of_arm})
    return {arm: np.array([of_arm.get(round_, np.nan) for round_ in rounds]) for arm, of_arm in times_us.items()}


def session_capacities(record: Record) -> Mapping[str, float]:
    """Return requests per second by arm, without the arms that held at no rate."""
    return {arm: per_s for arm, steps in search_steps(record).items() if (per_s := capacity_per_s(steps)) is not None}


def search_steps(record: Record) -> dict[str, list[VisitRow]]:
    """Return the visits that tried a rate, by arm, in their order."""
    steps: dict[str, list[VisitRow]] = {}
    for visit in record.visits:
        if visit.holds is not None:
            steps.setdefault(visit.arm, []).append(visit)
    return steps


@dataclass(frozen=True, slots=True)
class SessionValues:
    """One value for each session with both arms, (sessions,): log(arm / against), and the difference."""

    log_ratio: Series
    difference_us: Series


def pair_values(sessions: Iterable[Mapping[str, Series]], pair: ArmPair, metric: str) -> SessionValues:
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


def typical_round(per_round: Series, metric: str) -> Series:
    """Return the typical round, (..., rounds) to (...), by the centre of the metric."""
    return centre_of_rounds(per_round, METRICS[metric].centre)


def centre_of_rounds(per_round: Series, centre: Centre) -> Series:
    """Return the typical round. Counts need the mean: trimming would remove rare events."""
    if centre == "median":
        return np.asarray(np.median(per_round, axis=-1))
    rounds = per_round.shape[-1]
    cut = int((TRIMMED_SHARE if centre == "trimmed" else 0) * rounds)
    kept = np.partition(per_round, (cut, rounds - cut - 1), axis=-1)[..., cut : rounds - cut]
    return np.asarray(kept.mean(axis=-1))  # as scipy's trim_mean, which takes 70 times as long for a few values


def _rounds_with_both(a: Series, b: Series) -> tuple[Series, Series]:
    both = np.isfinite(a) & np.isfinite(b)
    return a[both], b[both]
