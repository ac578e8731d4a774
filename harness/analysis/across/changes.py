"""By how much a pair's effect in one run differs from that in the base run, with the verdict on it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from harness.analysis.across.welch import welch
from harness.analysis.bursts import over_rounds
from harness.analysis.comparisons import is_control
from harness.analysis.effects import Effects, Pair, effects
from harness.analysis.estimate import Estimate, percent
from harness.analysis.judged import CONFIDENCE, FEWEST_SESSIONS, NUMBERS, Fields
from harness.analysis.verdict import Ruling, rulings
from harness.model import Comparison, Experiment, Metric, Plan, Record, Summary

BASE = 0

Place = tuple[Pair, int]  # a pair, and the place of a run among the runs


@dataclass(frozen=True, slots=True)
class RunData:
    """A run as its directory holds it, with one finished session or more; `host` is host.json, empty without one."""

    plan: Plan
    summary: Summary
    records: Sequence[Record]
    host: Mapping[str, Any]


class Change(Comparison):
    """A pair's effect in run number `run` (the base is 1) relative to its effect in the base run.

    `percent` is the ratio of the two ratios, `us` the difference of the two differences: above 0 the arm got slower
    compared with its reference. What slows both alike is not in it; what differs from run to run but not from session
    to session is, whatever its cause. `sessions_to_decide` are those of each run.
    """

    run: int


@dataclass(frozen=True, slots=True)
class Step:
    """A pair's effects in the base run and in another one."""

    base: Effects
    other: Effects

    @property
    def is_enough(self) -> bool:
        return min(self.base.log_ratio.size, self.other.log_ratio.size) >= FEWEST_SESSIONS

    @property
    def log_ratio(self) -> Estimate:
        return welch(self.base.log_ratio, self.other.log_ratio)

    def numbers(self) -> Fields:
        ratio, us = self.log_ratio, welch(self.base.difference_us, self.other.difference_us)
        percents = map(percent, (ratio.mean, *ratio.interval(CONFIDENCE)))
        return dict(zip(NUMBERS, (*percents, us.mean, *us.interval(CONFIDENCE), ratio.p), strict=True))

    def sessions_of_each(self, sessions: int | None) -> int | None:
        """From sessions of the single run that would be as sure to those of each of the two."""
        most = max(self.base.log_ratio.size, self.other.log_ratio.size)
        return sessions and math.ceil(sessions * most / self.log_ratio.sessions)


def changes(runs: Sequence[RunData], metric: Metric) -> Iterator[Change]:
    """Every pair in every run after the first, which is the base; without those whose metric either did not read."""
    experiment = runs[BASE].plan.experiment
    seen = [_effects(run, experiment.pairs, metric) for run in runs]
    steps = {
        (pair, place): Step(seen[BASE][pair], seen[place][pair])
        for pair, place in product(experiment.pairs, range(1, len(runs)))
        if all(_within(runs[each], pair, metric) for each in (BASE, place))
    }
    ruled = _rulings(experiment, {place: step for place, step in steps.items() if step.is_enough})
    for (pair, place), step in steps.items():
        judged = _judged(step, ruled.get((pair, place)), _excuse(runs, pair, place, metric))
        yield Change(run=place + 1, arm=pair[0], against=pair[1], metric=metric, **judged)


def _effects(run: RunData, pairs: Sequence[Pair], metric: Metric) -> dict[Pair, Effects]:
    series = [over_rounds(record, metric) for record in run.records]
    return {pair: effects(series, pair, metric) for pair in pairs}


def _within(run: RunData, pair: Pair, metric: Metric) -> Comparison | None:
    """What the run found by itself; None where it did not read the metric."""
    found = (each for each in run.summary.comparisons if (each.arm, each.against, each.metric) == (*pair, metric))
    return next(found, None)


def _rulings(experiment: Experiment, steps: Mapping[Place, Step]) -> dict[Place, Ruling]:
    """As within a run: the questions share Holm's correction, those of all runs; a control is judged alone."""
    margin = experiment.design.equivalence_percent
    controls = [place for place in steps if is_control(experiment, place[0])]
    questions = [place for place in steps if place not in controls]
    together = rulings([steps[place].log_ratio for place in questions], margin)
    alone = {place: replace(*rulings([steps[place].log_ratio], margin), p_adjusted=None) for place in controls}
    return dict(zip(questions, together, strict=True)) | alone


def _excuse(runs: Sequence[RunData], pair: Pair, place: int, metric: Metric) -> str:
    """Why there is no verdict: what kept either run from one of its own; empty when nothing did."""
    found = {each + 1: _within(runs[each], pair, metric) for each in (BASE, place)}
    return " ".join(f"Run {run}: {each.why}" for run, each in found.items() if each and each.verdict is None)


def _judged(step: Step, ruling: Ruling | None, excuse: str) -> Fields:
    if ruling is None:
        return {**dict.fromkeys(NUMBERS), "verdict": None, "why": excuse}
    numbers = {**step.numbers(), "p_adjusted": ruling.p_adjusted}
    if excuse:
        return {**numbers, "verdict": None, "why": excuse}
    return {
        **numbers,
        "verdict": ruling.verdict,
        "sessions_to_decide": step.sessions_of_each(ruling.sessions_to_decide),
    }
