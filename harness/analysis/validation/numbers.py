"""Estimates as intervals and as fields of a claim."""

from typing import Any

from harness.analysis.estimate import Estimate, percent
from harness.analysis.validation.verdict import Finding, sign
from harness.analysis.verdict import is_equivalent
from harness.analysis.why.per_session import CONFIDENCE
from harness.model import Amount


def amount_of(estimate: Estimate) -> Amount:
    """Return the 95 % interval of an estimate."""
    low, high = estimate.interval(CONFIDENCE)
    return Amount(value=estimate.mean, low=low, high=high)


def claim_numbers(in_us: Estimate, ratio: Estimate) -> dict[str, Any]:
    """Return the number fields of a Claim from the estimates of the difference in us and the log ratio."""
    low_us, high_us = in_us.interval(CONFIDENCE)
    low, high = (percent(end) for end in ratio.interval(CONFIDENCE))
    ends = {"us_low": low_us, "us_high": high_us, "percent_low": low, "percent_high": high}
    return {"us": in_us.mean, "percent": percent(ratio.mean), **ends}


def finding(in_us: Estimate, ratio: Estimate, margin_percent: float) -> Finding:
    """Return the difference with its sign, interval, and whether it lies within the margin."""
    return Finding(sign(*ratio.interval(CONFIDENCE)), *in_us.interval(CONFIDENCE), is_equivalent(ratio, margin_percent))
