"""Forecast the duration of a whole run before anything is measured."""

from dataclasses import dataclass

from harness.experiment.cost import STARTING_S, Cost, nominal_cost
from harness.experiment.lengths import has_long_visits
from harness.experiment.schedule import expected_s, least_of, schedule_of
from harness.experiment.trial import MIN_VISITING_S, PILOT_SHARE, needs_pilot
from harness.model import Experiment, Schedule

PROBE_S = 2.0  # to measure capacities, for rates in percent


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected schedule, the seconds of the whole command, and the same for the minimal schedule."""

    schedule: Schedule
    seconds: float
    least_sessions: int
    least_s: float


def forecast_of(experiment: Experiment, slowness: float = 1.0) -> Forecast:
    """Return the forecast for a small virtual machine that is slower by the factor `slowness`."""
    cost, budget_s = nominal_cost(experiment).times(slowness), experiment.design.budget_s
    starting_s = STARTING_S * slowness
    fewest_s = starting_s + _probe_s(experiment, cost) + _least_pilot_s(experiment, cost)
    least = least_of(experiment, cost, budget_s - fewest_s)
    pilot_s = PILOT_SHARE * budget_s if needs_pilot(experiment) else 0.0
    roomy = fewest_s + least.seconds + pilot_s <= budget_s
    before_s = max(fewest_s, starting_s + _probe_s(experiment, cost) + pilot_s) if roomy else fewest_s
    schedule = schedule_of(experiment, cost, spent_s=before_s)
    return Forecast(schedule, before_s + expected_s(schedule, cost), least.sessions, fewest_s + least.seconds)


def _least_pilot_s(experiment: Experiment, cost: Cost) -> float:
    """Return the seconds of a pilot of one session."""
    if not needs_pilot(experiment):
        return 0.0
    pacing_s = 0.0 if has_long_visits(experiment) else cost.round_s
    return cost.session_s + pacing_s + max(cost.round_s, MIN_VISITING_S)


def _probe_s(experiment: Experiment, cost: Cost) -> float:
    probes = any(isinstance(arm.settings.rate, str) for arm in experiment.arms)
    return cost.session_s + PROBE_S if probes else 0.0
