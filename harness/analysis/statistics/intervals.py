"""From one value per session to an estimate, its interval, its p-value and checks of robustness."""

import math
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy.special import stdtr, stdtrit  # not scipy.stats, which takes longer to import than a report to make

from harness.analysis.statistics.series import Series
from harness.model import Interval

FREEDOM_TOLERANCE = 1e-9  # keeps whole degrees of freedom from being rounded down by one
BOOTSTRAP_RESAMPLES = 9_999
MAX_SIGN_FLIPS = 2**12  # up to 12 sessions all sign patterns are tried, beyond that a sample of them
RESAMPLING_SEED = 1
TIE_TOLERANCE = 100 * np.finfo(float).eps  # relative, of means that are equal but for rounding
MAX_LOG_RATIO = 700.0
MIN_SESSIONS_FOR_INTERVAL = 2
CONFIDENCE = 0.95


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

    Its `sessions` are those of a single run with the same precision: Welch's (1947) degrees of freedom, rounded down,
    plus one.
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
