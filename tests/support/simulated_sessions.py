"""Experiments from known truths: records written by hand, and whole worlds drawn at random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.signal import lfilter

from harness.analysis.statistics.intervals import Estimate, estimate_mean
from harness.analysis.statistics.series import SessionData, centre_of_rounds
from harness.model import METRICS, Arm, Design, Doubt, Experiment, Record, Schedule, Settings, VisitRow

Floats = NDArray[np.float64]
Times = Mapping[str, Sequence[float | None]]  # per arm, over rounds


@dataclass(frozen=True, slots=True)
class World:
    """How hard a machine makes it; the defaults are a busy cloud machine's."""

    sessions: int = 10
    rounds: int = 60
    drift: float = 0.03  # a round's step of the random walk that all arms share: 23 % at the end of 60 rounds
    noise: float = 0.05
    memory: float = 0.6  # of an arm's noise from one round to the next
    session_sd: float = 0.01  # what a fresh start does to an arm
    stolen: float = 0.03  # share of bursts that lose CPU time
    stolen_us: float = 2000.0

    def times_us(self, rng: np.random.Generator, experiments: int, factors: Sequence[float]) -> Floats:
        """Mean times of bursts, (experiments, sessions, rounds, arms); `factors` are each arm's truth."""
        shape = (experiments, self.sessions, self.rounds, len(factors))
        per_session = (experiments, self.sessions, 1)
        level = rng.normal(np.log(400), 0.1, per_session)
        walk = level + np.cumsum(rng.normal(0, self.drift, shape[:3]), axis=2)
        starts = rng.normal(0, self.session_sd, (*per_session, len(factors)))
        fresh = rng.normal(0, self.noise * np.sqrt(1 - self.memory**2), shape)
        remembered = lfilter([1.0], [1.0, -self.memory], fresh, axis=2)
        stolen_us = (rng.random(shape) < self.stolen) * rng.exponential(self.stolen_us, shape)
        times_us: Floats = np.exp(walk[..., None] + starts + remembered) * np.array(factors) + stolen_us
        return times_us


def log_estimates(times_us: Floats, metric: str, arm: int = 1, against: int = 0) -> list[Estimate]:
    """The estimate of every experiment in what `World.times_us` gave."""
    ratios = np.log(times_us[..., arm]) - np.log(times_us[..., against])
    return [estimate_mean(per_session) for per_session in centre_of_rounds(ratios, METRICS[metric].centre)]


def us_estimates(times_us: Floats, metric: str, arm: int = 1, against: int = 0) -> list[Estimate]:
    differences_us = times_us[..., arm] - times_us[..., against]
    return [estimate_mean(per_session) for per_session in centre_of_rounds(differences_us, METRICS[metric].centre)]


def experiment_of(*arms: str, control: bool = True, equivalence_percent: float = 1.0) -> Experiment:
    """Every arm against the first, and, where asked, "control", which is the first a second time."""
    first = Arm(name=arms[0], settings=Settings())
    others = [Arm(name=name, settings=Settings(transport="uds-tmpfs")) for name in arms[1:]]
    controls = [Arm(name="control", settings=Settings(), control_of=first.name)] if control else []
    return Experiment(
        name="example",
        question="Is it faster?",
        arms=(first, *others, *controls),
        pairs=tuple((arm.name, first.name) for arm in [*controls, *others]),
        design=Design(equivalence_percent=equivalence_percent),
    )


def schedule_of(sessions: int, looks: Sequence[int] = ()) -> Schedule:
    return Schedule(
        sessions=sessions,
        rounds=3,
        burst=8,
        settle=2,
        reason="as design.sessions and design.rounds say",
        looks=tuple(looks),
    )


def session_of(
    times_us: Times,
    *,
    number: int = 1,
    cpu_us: Mapping[str, Mapping[str, float]] | None = None,
    failures: Mapping[str, Mapping[str, int]] | None = None,
    doubts: Sequence[Doubt] = (),
) -> SessionData:
    """A session of 8 requests a burst, the arms in the order given; `cpu_us` is per arm and role, in every round."""
    visits = tuple(
        VisitRow(
            round=round_,
            order=order,
            arm=arm,
            requests=8 if mean_us else 0,
            mean_us=mean_us,
            cpu_us=dict((cpu_us or {}).get(arm, {})),
        )
        for order, (arm, means_us) in enumerate(times_us.items())
        for round_, mean_us in enumerate(means_us)
    )
    record = Record(
        session=number,
        started_utc="2026-01-01T00:00:00Z",
        seconds={"arranging": 1.0, "visiting": 2.0, "total": 3.5},
        schedule=schedule_of(3),
        proofs={},
        failures={arm: dict(kinds) for arm, kinds in (failures or {}).items()},
        visits=visits,
        doubts=tuple(doubts),
    )
    return SessionData(record, pl.DataFrame())
