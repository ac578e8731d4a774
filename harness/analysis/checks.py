"""Two views of the same session values that do without Student's t, to see whether they agree with it."""

from statistics import fmean

import numpy as np
from scipy import stats

from harness.analysis.bursts import Series
from harness.analysis.estimate import percent

RESAMPLES = 9_999
FLIPS = 2**12  # up to 12 sessions all sign patterns are tried, beyond that a sample of them
SEED = 1


def checks(log_ratios: Series, confidence: float = 0.95) -> dict[str, float]:
    """What a summary keeps of them; `log_ratios` are one per session, at least 2."""
    low, high = bootstrap_interval(log_ratios, confidence)
    return {
        "bootstrap_low": percent(low),
        "bootstrap_high": percent(high),
        "sign_flip_p": sign_flip_p(log_ratios),
    }


def bootstrap_interval(values: Series, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of the mean, resampling sessions; narrower than t's when they are few."""
    facing, sign = _canonical(values)
    found = stats.bootstrap(
        (facing,), np.mean, n_resamples=RESAMPLES, confidence_level=confidence, method="percentile", rng=SEED
    )
    low, high = sorted(sign * float(bound) for bound in found.confidence_interval)
    return low, high


def sign_flip_p(values: Series) -> float:
    """The two-sided p of the mean when each session's sign is a coin: never below 2 / 2**sessions."""
    facing, _ = _canonical(values)
    found = stats.permutation_test(
        (facing,), np.mean, permutation_type="samples", n_resamples=FLIPS, vectorized=True, rng=SEED
    )
    return float(found.pvalue)


def _canonical(values: Series) -> tuple[Series, float]:
    """`values` sorted and facing up, and the sign to undo it: neither order nor labels touch the random numbers."""
    sign = -1.0 if fmean(values) < 0 else 1.0
    return np.sort(sign * values), sign
