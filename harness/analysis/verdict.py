"""The verdict on an effect (faster, slower, equivalent or undecided), and the sessions that would decide it."""

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
    """A verdict, p after the family's correction and, if undecided, the number of sessions that would decide."""

    p_adjusted: float | None
    verdict: Verdict
    sessions_to_decide: int | None


def rulings(
    family: Sequence[Estimate],
    equivalence_percent: float,
    error_rate: ErrorRate = single_look,
    correction: Correction | None = None,
) -> list[Ruling]:
    """Return the rulings on mean log ratios that share a `correction` (default: Holm), in their order."""
    adjusted = (correction or holm)([estimate.p for estimate in family])
    verdicts = [
        judge(estimate, p, equivalence_percent, error_rate) for estimate, p in zip(family, adjusted, strict=True)
    ]
    needed_sessions = [
        sessions_to_decide(estimate, equivalence_percent, len(family), error_rate) if verdict == "undecided" else None
        for estimate, verdict in zip(family, verdicts, strict=True)
    ]
    return list(map(Ruling, adjusted, verdicts, needed_sessions))


def judge(
    estimate: Estimate, p_adjusted: float, equivalence_percent: float, error_rate: ErrorRate = single_look
) -> Verdict:
    """Return equivalent, or faster or slower if the interval excludes 0 after the correction, or undecided."""
    if is_equivalent(estimate, equivalence_percent, error_rate):
        return "equivalent"
    if p_adjusted >= error_rate(estimate.sessions):
        return "undecided"
    return "faster" if estimate.mean < 0 else "slower"


def is_equivalent(estimate: Estimate, equivalence_percent: float, error_rate: ErrorRate = single_look) -> bool:
    """Whether the 90 % interval lies inside the margin: two one-sided tests at 5 % (Schuirmann 1987).

    At an early look the interval is wider, by `error_rate`. The margin is a ratio, 1/1.01 to 1.01 for 1 %, so swapping
    the labels cannot change the verdict.
    """
    farthest = abs(estimate.mean) + estimate.half_width(1 - 2 * error_rate(estimate.sessions))
    return farthest < math.log1p(equivalence_percent / 100)


def sessions_to_decide(
    estimate: Estimate, equivalence_percent: float, family: int, error_rate: ErrorRate = single_look
) -> int | None:
    """Return the fewest sessions that give a decision with the same mean and deviation; None beyond 100 000.

    `family` comparisons share a correction; the strictest step, the same for Holm and Benjamini, must be passed.
    """

    def decides(sessions: int) -> bool:
        longer_run = Estimate(estimate.mean, estimate.sd, sessions)
        return judge(longer_run, longer_run.p * family, equivalence_percent, error_rate) != "undecided"

    candidates = range(2, MOST_SESSIONS + 1)
    index = bisect_left(candidates, True, key=decides)
    return candidates[index] if index < len(candidates) else None


def holm(ps: Sequence[float]) -> list[float]:
    """Return Holm's (1979) adjusted p values, in the order given."""
    order = np.argsort(ps)
    steps = np.sort(ps) * np.arange(len(ps), 0, -1)
    adjusted = np.empty(len(ps))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in adjusted]


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Return p values adjusted to bound the false discovery rate (1995), in the order given."""
    return [float(p) for p in false_discovery_control(ps, method="bh")] if len(ps) else []
