"""The budget that would decide undecided effects here, from the variance and the cost of the run itself."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from harness.analysis.statistics.group_sequential import error_rate_of
from harness.analysis.statistics.intervals import Estimate
from harness.analysis.statistics.verdict import judge
from harness.experiment.cost import STARTING_S, Cost, nominal_cost, pilot_cost
from harness.experiment.schedule import MAX_PILOT_VISITING_S, PILOT_SHARE, EffectSpread, needs_pilot, schedule_of
from harness.model import (
    HEADLINE_METRICS,
    ArmEffect,
    Comparison,
    Experiment,
    MainEffect,
    NeededBudget,
    Schedule,
    Summary,
)

MAX_BUDGET_S = 24 * 3600.0  # beyond a day, quiet the machine instead
MAX_GROWTH = 30.0  # of the time of the run: beyond, its variance says little about a run that long
BUDGET_STEP = 1.05  # factor between the budgets that are tried
ROUND_STEPS_S = ((120.0, 10.0), (600.0, 60.0), (3600.0, 300.0), (6 * 3600.0, 1800.0), (math.inf, 3600.0))  # up to, by
PILOT_SESSIONS = 3


@dataclass(frozen=True, slots=True)
class RunProfile:
    """The cost and variance of a run, which another run on this machine is expected to have too."""

    experiment: Experiment
    summary: Summary
    schedule: Schedule
    cost: Cost
    spread: EffectSpread

    def at_budget(self, budget_s: float) -> tuple[Schedule, float]:
        """Return the schedule of a budget, and the factor by which its rounds change the deviation of an effect."""
        design = self.experiment.design.model_copy(update={"budget_s": budget_s})
        experiment = self.experiment.model_copy(update={"design": design})
        pilot_s = min(PILOT_SHARE * budget_s, PILOT_SESSIONS * (MAX_PILOT_VISITING_S + self.cost.session_s))
        spent_s = STARTING_S + (pilot_s if needs_pilot(self.experiment) else 0.0)
        pilot = self.summary.pilot and self.summary.pilot.model_copy(
            update={"session_s": self.cost.session_s, "round_s": self.cost.round_s}
        )
        schedule = schedule_of(experiment, self.cost, pilot, spent_s)
        return schedule, self.spread.sd_percent(schedule.rounds) / self.spread.sd_percent(self.schedule.rounds)


def needed_budget(experiment: Experiment, summary: Summary) -> NeededBudget | None:
    """Return the budget that decides what is undecided, or else gives the requested precision; None if both hold."""
    schedule = summary.schedule
    questions = [effect for effect in summary.main_effects or summary.comparisons if _is_question(experiment, effect)]
    undecided = [effect for effect in questions if effect.verdict == "undecided"]
    wide = [
        effect
        for effect in questions
        if effect.verdict and _half_width_percent(effect) > experiment.design.precision_percent
    ]
    if schedule is None or not _can_grow(experiment, summary) or not (undecided or wide):
        return None
    run = _run_profile(experiment, summary, schedule)
    if not undecided:
        return NeededBudget(
            goal="precision", budget_s=_least_budget(run, lambda budget_s: _narrows(run, wide, budget_s))
        )
    family = sum(effect.p_adjusted is not None for effect in summary.main_effects or summary.comparisons)
    return NeededBudget(goal="decide", budget_s=_deciding_budget(run, undecided, family))


def budget_to_decide(
    experiment: Experiment, summary: Summary, undecided: Sequence[ArmEffect], family: int
) -> float | None:
    """Return the budget that decides the `undecided` effects, of a `family` that shares a correction.

    None if it is beyond what this run can tell (`MAX_GROWTH`) or a day, or if the file fixes what a budget changes.
    """
    if summary.schedule is None or not _can_grow(experiment, summary):
        return None
    return _deciding_budget(_run_profile(experiment, summary, summary.schedule), undecided, family)


def _can_grow(experiment: Experiment, summary: Summary) -> bool:
    """Return whether a budget changes the run, and the run has a variance."""
    return summary.sessions >= 2 and not (experiment.design.sessions and experiment.design.rounds)


def _deciding_budget(run: RunProfile, undecided: Sequence[ArmEffect], family: int) -> float | None:
    return _least_budget(run, lambda budget_s: _decides(run, undecided, family, budget_s))


def _least_budget(run: RunProfile, suffices: Callable[[float], bool]) -> float | None:
    """Return the least budget that suffices, rounded up; None if it is beyond `MAX_GROWTH` or a day."""
    run_s = run.summary.seconds.total
    budgets = _budgets(max(run.experiment.design.budget_s, run_s), min(MAX_GROWTH * run_s, MAX_BUDGET_S))
    index = bisect_left(budgets, True, key=suffices)
    return _round_up(budgets[index]) if index < len(budgets) else None


def _is_question(experiment: Experiment, effect: Comparison | MainEffect) -> bool:
    control = isinstance(effect, Comparison) and experiment.arm(effect.arm).control_of == effect.against
    return effect.metric in HEADLINE_METRICS and effect.percent_low is not None and not control


def _half_width_percent(effect: ArmEffect) -> float:
    return ((effect.percent_high or 0.0) - (effect.percent_low or 0.0)) / 2


def _run_profile(experiment: Experiment, summary: Summary, schedule: Schedule) -> RunProfile:
    pilot = summary.pilot
    guess = pilot_cost(experiment, pilot) if pilot else nominal_cost(experiment)
    cost = Cost(
        session_s=max((summary.seconds.total - summary.seconds.measuring) / summary.sessions, 0.05),
        round_s=max(summary.seconds.measuring / summary.sessions / schedule.rounds, 1e-5),
        source=guess.source,
        analysis_s=guess.analysis_s,
        reporting_s=guess.reporting_s,
    )
    spread = EffectSpread(pilot.session_sd_percent, pilot.round_sd_percent) if pilot else EffectSpread(1.0, 0.0)
    return RunProfile(experiment, summary, schedule, cost, spread)


def _narrows(run: RunProfile, wide: Sequence[ArmEffect], budget_s: float) -> bool:
    schedule, sd_factor = run.at_budget(budget_s)
    confidence = 1 - error_rate_of(schedule.looks)(schedule.sessions)
    estimates = _scaled_estimates(run, wide, schedule, sd_factor)
    return all(
        100 * estimate.half_width(confidence) <= run.experiment.design.precision_percent for estimate in estimates
    )


def _decides(run: RunProfile, undecided: Sequence[ArmEffect], family: int, budget_s: float) -> bool:
    schedule, sd_factor = run.at_budget(budget_s)
    error_rate, margin_percent = error_rate_of(schedule.looks), run.experiment.design.equivalence_percent
    return all(
        judge(estimate, min(estimate.p * max(family, 1), 1.0), margin_percent, error_rate) != "undecided"
        for estimate in _scaled_estimates(run, undecided, schedule, sd_factor)
    )


def _scaled_estimates(
    run: RunProfile, effects: Sequence[ArmEffect], schedule: Schedule, sd_factor: float
) -> list[Estimate]:
    return [_scaled_estimate(effect, run.summary.sessions, schedule.sessions, sd_factor) for effect in effects]


def _scaled_estimate(effect: ArmEffect, sessions: int, new_sessions: int, sd_factor: float) -> Estimate:
    """Return the estimate with the same mean, for another number of sessions and rounds."""
    low, value, high = (math.log1p((x or 0.0) / 100) for x in (effect.percent_low, effect.percent, effect.percent_high))
    quantile = float(stdtrit(sessions - 1, (1 + effect.confidence) / 2))
    sd = (high - low) / 2 / quantile * math.sqrt(sessions)
    return Estimate(mean=value, sd=sd_factor * sd, sessions=new_sessions)


def _budgets(from_s: float, to_s: float) -> list[float]:
    steps = math.ceil(math.log(max(to_s / from_s, 1.0)) / math.log(BUDGET_STEP))
    return [from_s * BUDGET_STEP**step for step in range(steps + 1) if from_s * BUDGET_STEP**step <= to_s]


def _round_up(budget_s: float) -> float:
    """Return the budget rounded up to a number that does not look more precise than it is."""
    step_s = next(step_s for limit_s, step_s in ROUND_STEPS_S if budget_s <= limit_s)
    return math.ceil(budget_s / step_s) * step_s
