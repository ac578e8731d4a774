"""Robustness checks of an interval and p that do not assume Student's t: bootstrap and sign flips."""

from statistics import fmean

import numpy as np
from scipy import stats

from harness.analysis.bursts import Series
from harness.analysis.estimate import percent

RESAMPLES = 9_999
FLIPS = 2**12  # up to 12 sessions all sign patterns are tried, beyond that a sample of them
SEED = 1


def checks(log_ratios: Series, confidence: float = 0.95) -> dict[str, float]:
    """Return the checks that a summary keeps, from one log ratio per session, at least 2."""
    low, high = bootstrap_interval(log_ratios, confidence)
    return {
        "bootstrap_low": percent(low),
        "bootstrap_high": percent(high),
        "sign_flip_p": sign_flip_p(log_ratios),
    }


def bootstrap_interval(values: Series, confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of the mean over resampled sessions; narrower than t's when they are few."""
    oriented, sign = _canonical(values)
    result = stats.bootstrap(
        (oriented,), np.mean, n_resamples=RESAMPLES, confidence_level=confidence, method="percentile", rng=SEED
    )
    low, high = sorted(sign * float(bound) for bound in result.confidence_interval)
    return low, high


def sign_flip_p(values: Series) -> float:
    """Return the two-sided p of the mean if the sign of each session is random: at least 2 / 2**sessions."""
    oriented, _ = _canonical(values)
    result = stats.permutation_test(
        (oriented,), np.mean, permutation_type="samples", n_resamples=FLIPS, vectorized=True, rng=SEED
    )
    return float(result.pvalue)


def _canonical(values: Series) -> tuple[Series, float]:
    """Return `values` sorted with a positive mean, and the sign: order and labels cannot change the result."""
    sign = -1.0 if fmean(values) < 0 else 1.0
    return np.sort(sign * values), sign
