"""From one value per session to an estimate, its interval, p-value, robustness checks and verdict."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy.special import stdtr, stdtrit  # not scipy.stats, which takes longer to import than a report to make

from harness.analysis.statistics.group_sequential import ErrorRate, single_look_error_rate
from harness.analysis.statistics.series import Series
from harness.model import Interval, Judgement, Verdict

FREEDOM_TOLERANCE = 1e-9  # keeps whole degrees of freedom from being rounded down by one
BOOTSTRAP_RESAMPLES = 9_999
MAX_SIGN_FLIPS = 2**12  # up to 12 sessions all sign patterns are tried, beyond that a sample of them
RESAMPLING_SEED = 1
TIE_TOLERANCE = 100 * np.finfo(float).eps  # relative, of means that are equal but for rounding
MAX_LOG_RATIO = 700.0
MIN_SESSIONS_FOR_INTERVAL = 2
CONFIDENCE = 0.95
MAX_SESSIONS_TO_DECIDE = 100_000

Correction = Callable[[Sequence[float]], list[float]]  # from the p values of a family to adjusted ones


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean and standard deviation of one value per session, from at least 2 sessions."""

    mean: float
    sd: float
    sessions: int

    @property
    def standard_error(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(self.sessions)

    def half_width(self, confidence: float) -> float:
        """Return half the width of the interval at `confidence`."""
        return float(stdtrit(self.sessions - 1, (1 + confidence) / 2)) * self.standard_error

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the interval at `confidence`."""
        half = self.half_width(confidence)
        return self.mean - half, self.mean + half

    def with_interval(self, confidence: float = 0.95) -> Interval:
        """Return the mean with its interval at `confidence`."""
        low, high = self.interval(confidence)
        return Interval(value=self.mean, low=low, high=high)

    @property
    def p(self) -> float:
        """p of the two-sided t test against 0; without any spread it is 0, or 1 for a mean of 0."""
        if self.standard_error == 0:
            return 0.0 if self.mean else 1.0
        return 2 * float(stdtr(self.sessions - 1, -abs(self.mean) / self.standard_error))


def welch_difference(base: Series, other: Series) -> Estimate:
    """Return the mean of `other` minus that of `base`; at least 2 sessions each, of any variance."""
    return difference_of_estimates(estimate_mean(base), estimate_mean(other))


def difference_of_estimates(base: Estimate, other: Estimate) -> Estimate:
    """Return the mean of `other` minus that of `base`, from their estimates.

    `sessions` of the result is Welch's (1947) degrees of freedom, rounded down, plus one: the sessions of a single run
    with the same precision.
    """
    squared_errors = [mean.standard_error**2 for mean in (base, other)]
    total = math.fsum(squared_errors)
    sessions = _freedom(squared_errors, [base.sessions, other.sessions]) + 1
    return Estimate(mean=other.mean - base.mean, sd=math.sqrt(total * sessions), sessions=sessions)


def _freedom(squared_errors: list[float], sessions: list[int]) -> int:
    total = math.fsum(squared_errors)
    if total == 0:
        return sum(sessions) - 2
    shares = [error / total for error in squared_errors]
    spent = math.fsum(share**2 / (number - 1) for share, number in zip(shares, sessions, strict=True))
    return math.floor(1 / spent + FREEDOM_TOLERANCE)


def robustness_checks(log_ratios: Series, confidence: float = 0.95) -> dict[str, float]:
    """Return the checks that a summary keeps, from one log ratio per session, at least 2."""
    low, high = bootstrap_interval(log_ratios, confidence)
    return {
        "bootstrap_low": to_percent(low),
        "bootstrap_high": to_percent(high),
        "sign_flip_p": sign_flip_p(log_ratios),
    }


def bootstrap_interval(values: Series, confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of the mean over resampled sessions (Efron 1979); narrower than t's when few."""
    oriented, sign = _canonical(values)
    chosen = np.random.default_rng(RESAMPLING_SEED).integers(0, values.size, (BOOTSTRAP_RESAMPLES, values.size))
    tail = (1 - confidence) / 2
    low, high = sorted(sign * float(end) for end in np.quantile(oriented[chosen].mean(axis=-1), [tail, 1 - tail]))
    return low, high


def sign_flip_p(values: Series) -> float:
    """Return the two-sided p of the mean if the sign of each session is random: at least 2 / 2**sessions."""
    oriented, _ = _canonical(values)
    signs, is_sample = _sign_patterns(values.size)
    means, mean = (signs * oriented).mean(axis=-1), float(oriented.mean())
    tolerance = TIE_TOLERANCE * abs(mean)
    as_far = min(np.count_nonzero(means <= mean + tolerance), np.count_nonzero(means >= mean - tolerance))
    return min(2 * float(as_far + is_sample) / (len(means) + is_sample), 1.0)


def _sign_patterns(sessions: int) -> tuple[Series, bool]:
    """Return (patterns, sessions), all of them or a sample, and whether it is a sample."""
    if 2**sessions <= MAX_SIGN_FLIPS:
        bits = np.arange(2**sessions)[:, None] >> np.arange(sessions)[::-1] & 1
        return np.asarray(1.0 - 2.0 * bits, dtype=np.float64), False
    both = np.tile(np.arange(2), (MAX_SIGN_FLIPS, sessions, 1))
    return 1.0 - 2.0 * np.random.default_rng(RESAMPLING_SEED).permuted(both, axis=-1)[..., 0], True


def _canonical(values: Series) -> tuple[Series, float]:
    """Return `values` sorted with a positive mean, and the sign: order and labels cannot change the result."""
    sign = -1.0 if fmean(values) < 0 else 1.0
    return np.sort(sign * values), sign


def estimate_mean(values: Series) -> Estimate:
    """Return the estimate from `values`, one per session. Sums are exact, so their order does not matter."""
    per_session = values.tolist()
    return Estimate(mean=fmean(per_session), sd=stdev(per_session), sessions=len(per_session))


def to_percent(log_ratio: float) -> float:
    """Return a log ratio in percent: log(1.1) is +10. The result stays finite, because JSON has no infinity."""
    return 100 * math.expm1(min(log_ratio, MAX_LOG_RATIO))


@dataclass(frozen=True, slots=True)
class EffectEstimate:
    """An effect as a log ratio, None for a quantity without one, and as a difference (of times, in us).

    `sessions_factor`: sessions of each run for one of these estimates.
    """

    log_ratio: Estimate | None
    difference_us: Estimate
    sessions_factor: float = 1.0

    @property
    def deciding(self) -> Estimate:
        """The estimate that the verdict rests on."""
        return self.log_ratio or self.difference_us

    def numbers(self, confidence: float) -> dict[str, float]:
        """Return the values with their intervals at `confidence`, by their fields of a judgement."""
        us_low, us_high = self.difference_us.interval(confidence)
        numbers = {"us": self.difference_us.mean, "us_low": us_low, "us_high": us_high, "confidence": confidence}
        if self.log_ratio:
            low, high = self.log_ratio.interval(confidence)
            ends = {"percent": self.log_ratio.mean, "percent_low": low, "percent_high": high}
            numbers |= {name: to_percent(end) for name, end in ends.items()}
        return numbers


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
