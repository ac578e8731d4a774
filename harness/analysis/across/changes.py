"""The change of a pair's effect between the base run and another run, with a verdict."""

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

Place = tuple[Pair, int]  # a pair, and the index of a run


@dataclass(frozen=True, slots=True)
class RunData:
    """A run from its directory, with at least one finished session; `host` is host.json, or empty."""

    plan: Plan
    summary: Summary
    records: Sequence[Record]
    host: Mapping[str, Any]


class Change(Comparison):
    """The effect of a pair in run number `run` (the base is 1) relative to its effect in the base run.

    `percent` is the ratio of the two ratios, `us` the difference of the two differences: above 0 the arm became slower
    relative to its reference. A slowdown of both arms cancels out; any other difference between the runs does not.
    `sessions_to_decide` is per run.
    """

    run: int


@dataclass(frozen=True, slots=True)
class Step:
    """The effects of a pair in the base run and in another run."""

    base: Effects
    other: Effects

    @property
    def is_enough(self) -> bool:
        """Whether both runs have enough sessions for an interval."""
        return min(self.base.log_ratio.size, self.other.log_ratio.size) >= FEWEST_SESSIONS

    @property
    def log_ratio(self) -> Estimate:
        """Change of the log ratio."""
        return welch(self.base.log_ratio, self.other.log_ratio)

    def numbers(self) -> Fields:
        """Return the number fields of an effect."""
        ratio, us = self.log_ratio, welch(self.base.difference_us, self.other.difference_us)
        percents = map(percent, (ratio.mean, *ratio.interval(CONFIDENCE)))
        return dict(zip(NUMBERS, (*percents, us.mean, *us.interval(CONFIDENCE), ratio.p), strict=True))

    def sessions_of_each(self, sessions: int | None) -> int | None:
        """Return the sessions per run, from those of a single run with the same precision."""
        larger = max(self.base.log_ratio.size, self.other.log_ratio.size)
        return sessions and math.ceil(sessions * larger / self.log_ratio.sessions)


def changes(runs: Sequence[RunData], metric: Metric) -> Iterator[Change]:
    """Yield the change of each pair in each run after the base, if both runs measured the metric."""
    experiment = runs[BASE].plan.experiment
    effects_by_run = [_effects(run, experiment.pairs, metric) for run in runs]
    steps = {
        (pair, run): Step(effects_by_run[BASE][pair], effects_by_run[run][pair])
        for pair, run in product(experiment.pairs, range(1, len(runs)))
        if all(_within(runs[index], pair, metric) for index in (BASE, run))
    }
    ruling_by_key = _rulings(experiment, {key: step for key, step in steps.items() if step.is_enough})
    for (pair, run), step in steps.items():
        fields = _judged(step, ruling_by_key.get((pair, run)), _excuse(runs, pair, run, metric))
        yield Change(run=run + 1, arm=pair[0], against=pair[1], metric=metric, **fields)


def _effects(run: RunData, pairs: Sequence[Pair], metric: Metric) -> dict[Pair, Effects]:
    series = [over_rounds(record, metric) for record in run.records]
    return {pair: effects(series, pair, metric) for pair in pairs}


def _within(run: RunData, pair: Pair, metric: Metric) -> Comparison | None:
    """Return the comparison of the run itself; None if it did not measure the metric."""
    comparisons = (
        comparison
        for comparison in run.summary.comparisons
        if (comparison.arm, comparison.against, comparison.metric) == (*pair, metric)
    )
    return next(comparisons, None)


def _rulings(experiment: Experiment, steps: Mapping[Place, Step]) -> dict[Place, Ruling]:
    """Return the rulings: all pairs of all runs share Holm's correction, but a control is judged alone."""
    margin = experiment.design.equivalence_percent
    controls = [key for key in steps if is_control(experiment, key[0])]
    questions = [key for key in steps if key not in controls]
    together = rulings([steps[key].log_ratio for key in questions], margin)
    alone = {key: replace(*rulings([steps[key].log_ratio], margin), p_adjusted=None) for key in controls}
    return dict(zip(questions, together, strict=True)) | alone


def _excuse(runs: Sequence[RunData], pair: Pair, run: int, metric: Metric) -> str:
    """Return why there is no verdict: the reasons of both runs; "" if both have one."""
    comparisons = {index + 1: _within(runs[index], pair, metric) for index in (BASE, run)}
    return " ".join(
        f"Run {number}: {comparison.why}"
        for number, comparison in comparisons.items()
        if comparison and comparison.verdict is None
    )


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
