"""The visits of a session as arrays: values by round, and capacities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from harness.model import Record, VisitRow
from harness.model.metrics import SLOWEST_PARTS, Centre, Quantity, capacity_per_s

Series = NDArray[np.float64]

ArmPair = tuple[str, str]  # (arm, against)

TRIMMED_SHARES: Mapping[Centre, float] = {"middle third": 1 / 3, "trimmed": 0.1, "mean": 0.0}  # at either end


@dataclass(frozen=True)
class SessionData:
    """A session's record and its raw times: columns round, order, arm, position, start_ns, latency_ns, late_ns.

    `requests` is empty if an outside tool reported no single times. `stacks` has the samples of a profile: columns arm,
    role, stack, samples.
    """

    record: Record
    requests: pl.DataFrame
    stacks: pl.DataFrame | None = None

    def requests_of(self, arm: str) -> pl.DataFrame:
        """Return the raw times of an arm; an empty table without any."""
        return self.requests if self.requests.is_empty() else self.requests.filter(pl.col("arm") == arm)

    def visits_of(self, arm: str) -> Sequence[VisitRow]:
        """Return the visits of an arm, in their order."""
        return self._visits_by_arm.get(arm, ())

    def times_us(self, arm: str) -> Series:
        """Return the times of an arm, (requests,), from the scheduled send, in ascending order."""
        return self._times_by_arm.get(arm, np.empty(0))

    @cached_property
    def _visits_by_arm(self) -> dict[str, list[VisitRow]]:
        visits: dict[str, list[VisitRow]] = {}
        for visit in self.record.visits:
            visits.setdefault(visit.arm, []).append(visit)
        return visits

    @cached_property
    def _times_by_arm(self) -> dict[str, Series]:
        if self.requests.is_empty():
            return {}
        time_ns = pl.col("latency_ns") + pl.col("late_ns")
        tables = self.requests.select("arm", time_ns).partition_by("arm", as_dict=True, include_key=False)
        return {str(arm): np.sort(table.to_series().to_numpy() / 1000) for (arm,), table in tables.items()}


@dataclass(frozen=True, slots=True)
class ArmVisits:
    """The visits of an arm in a session; `places` are those of their rounds among all rounds of the session."""

    visits: Sequence[VisitRow]
    places: Sequence[int]
    rounds: int

    def values(self, quantity: Quantity) -> Series:
        """Return the values, (rounds,): NaN for a missing one."""
        if quantity.of_session:
            return np.array([quantity.of_session(self.visits)], dtype=np.float64)
        values = np.full(self.rounds, np.nan)
        values[self.places] = np.array([quantity.value(visit) for visit in self.visits], dtype=np.float64)
        if quantity.has_ratio:
            values[values <= 0] = np.nan
        return values


def visits_by_arm(record: Record) -> dict[str, ArmVisits]:
    """Return the visits of each arm."""
    place_of = {round_: place for place, round_ in enumerate(sorted({visit.round for visit in record.visits}))}
    visits: dict[str, list[VisitRow]] = {}
    for visit in record.visits:
        visits.setdefault(visit.arm, []).append(visit)
    return {
        arm: ArmVisits(of_arm, [place_of[visit.round] for visit in of_arm], len(place_of))
        for arm, of_arm in visits.items()
    }


def values_by_arm(record: Record, quantity: Quantity) -> dict[str, Series]:
    """Return the values of each arm, (rounds,): NaN for a missing value."""
    return {arm: visits.values(quantity) for arm, visits in visits_by_arm(record).items()}


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


def typical_times(visits: Series) -> Series:
    """Return the typical time of each visit, from the times in the last axis: as `typical_time`, but of many visits."""
    size = visits.shape[-1]
    kept = size - size // SLOWEST_PARTS
    return np.asarray(np.partition(visits, kept - 1, axis=-1)[..., :kept].mean(axis=-1))


def centre_of_rounds(per_round: Series, centre: Centre) -> Series:
    """Return the typical round. Counts need the mean: trimming would remove rare events."""
    if centre == "median":
        return np.asarray(np.median(per_round, axis=-1))
    rounds = per_round.shape[-1]
    cut = int(TRIMMED_SHARES[centre] * rounds)
    kept = np.partition(per_round, (cut, rounds - cut - 1), axis=-1)[..., cut : rounds - cut]
    return np.asarray(kept.mean(axis=-1))  # as scipy's trim_mean, which takes 70 times as long for a few values
