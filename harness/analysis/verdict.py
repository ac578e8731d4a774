"""Faster, slower, equivalent or undecided: the rule, and how many sessions would decide."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from harness.analysis.estimate import Estimate
from harness.analysis.looks import ErrorRate, single_look
from harness.model import Verdict

MOST_SESSIONS = 100_000

Correction = Callable[[Sequence[float]], list[float]]  # from the p values of a family to adjusted ones


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, its p after the family's correction, and the number of sessions that would decide the undecided."""

    p_adjusted: float | None
    verdict: Verdict
    sessions_to_decide: int | None


def rulings(
    family: Sequence[Estimate],
    equivalence_percent: float,
    error_rate: ErrorRate = single_look,
    correction: Correction | None = None,
) -> list[Ruling]:
    """The rulings on mean log ratios that share a correction, in their order; without one named it is Holm's."""
    adjusted = (correction or holm)([estimate.p for estimate in family])
    verdicts = [judge(one, p, equivalence_percent, error_rate) for one, p in zip(family, adjusted, strict=True)]
    wanted = [
        sessions_to_decide(one, equivalence_percent, len(family), error_rate) if verdict == "undecided" else None
        for one, verdict in zip(family, verdicts, strict=True)
    ]
    return list(map(Ruling, adjusted, verdicts, wanted))


def judge(
    estimate: Estimate, p_adjusted: float, equivalence_percent: float, error_rate: ErrorRate = single_look
) -> Verdict:
    """The rule: close to 0 for sure, or away from 0 for sure (then the interval excludes it), or neither."""
    if is_equivalent(estimate, equivalence_percent, error_rate):
        return "equivalent"
    if p_adjusted >= error_rate(estimate.sessions):
        return "undecided"
    return "faster" if estimate.mean < 0 else "slower"


def is_equivalent(estimate: Estimate, equivalence_percent: float, error_rate: ErrorRate = single_look) -> bool:
    """Whether the 90 % interval lies inside the margin: two one-sided tests at 5 % (Schuirmann 1987).

    At an early look it is wider, as the error rate asks. The margin is a ratio, 1/1.01 to 1.01 for 1 %, so that a
    label swap cannot change the verdict.
    """
    reach = abs(estimate.mean) + estimate.half_width(1 - 2 * error_rate(estimate.sessions))
    return reach < math.log1p(equivalence_percent / 100)


def sessions_to_decide(
    estimate: Estimate, equivalence_percent: float, family: int, error_rate: ErrorRate = single_look
) -> int | None:
    """The fewest sessions that, with the same mean and deviation, end in a difference or an equivalence.

    `family` comparisons share a correction, and its strictest step, Holm's as Benjamini's, is what must be passed.
    None beyond 100 000.
    """

    def decides(sessions: int) -> bool:
        then = Estimate(estimate.mean, estimate.sd, sessions)
        return judge(then, then.p * family, equivalence_percent, error_rate) != "undecided"

    candidates = range(2, MOST_SESSIONS + 1)
    place = bisect_left(candidates, True, key=decides)
    return candidates[place] if place < len(candidates) else None


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p values, in the order given."""
    order = np.argsort(ps)
    steps = np.sort(ps) * np.arange(len(ps), 0, -1)
    adjusted = np.empty(len(ps))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in adjusted]


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Adjusted p values that bound which share of what is called different is not (1995), in the order given."""
    return [float(p) for p in false_discovery_control(ps, method="bh")] if len(ps) else []
