"""Holds a run to its budget: a forecast before anything is measured, and the length of the next session."""

from dataclasses import dataclass

from harness.experiment.cost import STARTING_S, Cost, has_long_visits, nominal_cost
from harness.experiment.schedule import (
    MIN_PILOT_VISITING_S,
    MIN_SESSIONS,
    PILOT_SHARE,
    expected_schedule_s,
    minimal_schedule,
    needs_pilot,
    schedule_of,
)
from harness.model import Experiment, Schedule

PROBE_S = 2.0  # to measure capacities, for rates in percent
MIN_VISITING_SHARE = 0.5  # share of the planned visits, below which a session is dropped instead


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected schedule, the seconds of the whole command, and the same for the minimal schedule."""

    schedule: Schedule
    seconds: float
    min_sessions: int
    min_s: float


def forecast_of(experiment: Experiment, slowness: float = 1.0) -> Forecast:
    """Return the forecast for a small virtual machine that is slower by the factor `slowness`."""
    cost, budget_s = nominal_cost(experiment).scale(slowness), experiment.design.budget_s
    starting_s = STARTING_S * slowness
    fewest_s = starting_s + _probe_s(experiment, cost) + _min_pilot_s(experiment, cost)
    least = minimal_schedule(experiment, cost, budget_s - fewest_s)
    pilot_s = PILOT_SHARE * budget_s if needs_pilot(experiment) else 0.0
    roomy = fewest_s + least.seconds + pilot_s <= budget_s
    before_s = max(fewest_s, starting_s + _probe_s(experiment, cost) + pilot_s) if roomy else fewest_s
    schedule = schedule_of(experiment, cost, spent_s=before_s)
    return Forecast(schedule, before_s + expected_schedule_s(schedule, cost), least.sessions, fewest_s + least.seconds)


def _min_pilot_s(experiment: Experiment, cost: Cost) -> float:
    """Return the seconds of a pilot of one session."""
    if not needs_pilot(experiment):
        return 0.0
    pacing_s = 0.0 if has_long_visits(experiment) else cost.round_s
    return cost.session_s + pacing_s + max(cost.round_s, MIN_PILOT_VISITING_S)


def _probe_s(experiment: Experiment, cost: Cost) -> float:
    probes = any(isinstance(arm.settings.rate, str) for arm in experiment.arms)
    return cost.session_s + PROBE_S if probes else 0.0


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The progress of a run: finished sessions, seconds left, and the seconds of a session without visits and a round.

    At least `guaranteed_sessions` sessions are made, however long they take.
    """

    done: int
    left_s: float
    session_s: float
    round_s: float
    guaranteed_sessions: int = 0


def next_schedule(schedule: Schedule, at: RunProgress) -> Schedule | None:
    """Return the schedule of the next session; None if it would not end in time.

    The decision depends only on time, never on the results.
    """
    least_s = schedule.fewest_rounds * at.round_s
    if at.left_s < at.session_s + least_s and at.done >= at.guaranteed_sessions:
        return None
    if schedule.visiting_s is None:
        return schedule
    visiting_s = min(at.left_s / _remaining_sessions(schedule, at) - at.session_s, schedule.visiting_s)
    return schedule.model_copy(update={"visiting_s": max(visiting_s, least_s)})


def _remaining_sessions(schedule: Schedule, at: RunProgress) -> int:
    """Return how many more sessions fit with half of their visits: at most those planned, at least 8 in the run."""
    assert schedule.visiting_s is not None
    fitting = int(at.left_s / (at.session_s + MIN_VISITING_SHARE * schedule.visiting_s))
    fewest = min(max(MIN_SESSIONS, at.guaranteed_sessions), schedule.sessions)
    return max(min(fitting, schedule.sessions - at.done), fewest - at.done, 1)
