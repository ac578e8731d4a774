"""From the estimates of a family of effects to corrected p values and verdicts."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.statistics.group_sequential import ErrorRate, single_look_error_rate
from harness.analysis.statistics.intervals import EffectEstimate, Estimate
from harness.model import Judgement, Verdict

MAX_SESSIONS_TO_DECIDE = 100_000

Correction = Callable[[Sequence[float]], list[float]]  # from the p values of a family to adjusted ones


def judge_family(  # noqa: PLR0913 - everything that a verdict depends on
    family: Sequence[EffectEstimate | None],
    equivalence_percent: float,
    error_rate: ErrorRate,
    *,
    excuses: Sequence[str],
    alone: Sequence[bool],
    correction: Correction | None = None,
) -> list[Judgement]:
    """Return the numbers and the verdict of each member, in their order; None has neither.

    Without ratios there is no margin, so nothing is equivalent.
    `excuses` are reasons why a member gets no verdict whatever its numbers, or "". A member that is judged `alone`,
    like a control, takes no part in the `correction` (default: Holm).
    """
    has_ratio = all(estimate is None or estimate.log_ratio for estimate in family)
    margin_percent = equivalence_percent if has_ratio else 0.0
    together = [index for index, estimate in enumerate(family) if estimate is not None and not alone[index]]
    deciding = [estimate.deciding for index in together if (estimate := family[index])]
    shared = dict(zip(together, corrected_verdicts(deciding, margin_percent, error_rate, correction), strict=True))
    judgements = []
    for index, (estimate, excuse) in enumerate(zip(family, excuses, strict=True)):
        if estimate is None:
            judgements.append(Judgement(verdict=None, why=excuse))
            continue
        ruling = shared.get(index)
        p_adjusted = ruling.p_adjusted if ruling else None
        ruling = ruling or corrected_verdicts([estimate.deciding], margin_percent, error_rate)[0]
        sessions = ruling.sessions_to_decide
        judgement = Judgement(
            **estimate.numbers(1 - error_rate(estimate.deciding.sessions)),
            p=estimate.deciding.p,
            p_adjusted=p_adjusted,
            margin_percent=margin_percent if has_ratio else None,
            why=excuse,
            sessions_to_decide=None if excuse or not sessions else math.ceil(sessions * estimate.sessions_factor),
            verdict=None if excuse else ruling.verdict,
        )
        judgements.append(judgement)
    return judgements


def sessions_to_decide(
    estimate: Estimate, equivalence_percent: float, family: int, error_rate: ErrorRate = single_look_error_rate
) -> int | None:
    """Return the fewest sessions that give a decision with the same mean and deviation; None beyond 100 000.

    `family` comparisons share a correction; the strictest step, the same for Holm and Benjamini, must be passed.
    """

    def decides(sessions: int) -> bool:
        longer_run = Estimate(estimate.mean, estimate.sd, sessions)
        return judge(longer_run, longer_run.p * family, equivalence_percent, error_rate) != "undecided"

    candidates = range(2, MAX_SESSIONS_TO_DECIDE + 1)
    index = bisect_left(candidates, True, key=decides)
    return candidates[index] if index < len(candidates) else None


@dataclass(frozen=True, slots=True)
class CorrectedVerdict:
    """A verdict, p after the family's correction and, if undecided, the number of sessions that would decide."""

    p_adjusted: float
    verdict: Verdict
    sessions_to_decide: int | None


def corrected_verdicts(
    family: Sequence[Estimate],
    equivalence_percent: float,
    error_rate: ErrorRate = single_look_error_rate,
    correction: Correction | None = None,
) -> list[CorrectedVerdict]:
    """Return the verdicts on mean log ratios that share a `correction` (default: Holm), in their order."""
    adjusted = (correction or holm)([estimate.p for estimate in family])
    verdicts = [
        judge(estimate, p, equivalence_percent, error_rate) for estimate, p in zip(family, adjusted, strict=True)
    ]
    needed_sessions = [
        sessions_to_decide(estimate, equivalence_percent, len(family), error_rate) if verdict == "undecided" else None
        for estimate, verdict in zip(family, verdicts, strict=True)
    ]
    return list(map(CorrectedVerdict, adjusted, verdicts, needed_sessions))


def judge(
    estimate: Estimate, p_adjusted: float, equivalence_percent: float, error_rate: ErrorRate = single_look_error_rate
) -> Verdict:
    """Return equivalent, else faster or slower if the adjusted p is below the error rate of the look, else undecided.

    Neither the test of equivalence nor the printed interval is adjusted.
    """
    if is_equivalent(estimate, equivalence_percent, error_rate):
        return "equivalent"
    if p_adjusted >= error_rate(estimate.sessions):
        return "undecided"
    return "faster" if estimate.mean < 0 else "slower"


def is_equivalent(
    estimate: Estimate, equivalence_percent: float, error_rate: ErrorRate = single_look_error_rate
) -> bool:
    """Whether the 90 % interval lies inside the margin: two one-sided tests at 5 % (Schuirmann 1987).

    At an early look the interval is wider, by `error_rate`. The margin is a ratio, 1/1.01 to 1.01 for 1 %, so swapping
    the labels cannot change the verdict.
    """
    farthest = abs(estimate.mean) + estimate.half_width(1 - 2 * error_rate(estimate.sessions))
    return farthest < math.log1p(equivalence_percent / 100)


def holm(ps: Sequence[float]) -> list[float]:
    """Return Holm's (1979) adjusted p values, in the order given."""
    order = np.argsort(ps)
    steps = np.sort(ps) * np.arange(len(ps), 0, -1)
    adjusted = np.empty(len(ps))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in adjusted]


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Return p values adjusted to bound the false discovery rate (1995), in the order given."""
    order = np.argsort(ps)[::-1]
    steps = np.asarray(ps)[order] * len(ps) / np.arange(len(ps), 0, -1)
    adjusted = np.empty(len(ps))
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1)
    return [float(p) for p in adjusted]
