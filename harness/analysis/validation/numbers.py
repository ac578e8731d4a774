"""Estimates as they stand in what is said of them."""

from typing import Any

from harness.analysis.estimate import Estimate, percent
from harness.analysis.validation.verdict import Finding, sign
from harness.analysis.verdict import is_equivalent
from harness.analysis.why.per_session import CONFIDENCE
from harness.model import Amount


def amount_of(found: Estimate) -> Amount:
    low, high = found.interval(CONFIDENCE)
    return Amount(value=found.mean, low=low, high=high)


def claim_numbers(in_us: Estimate, ratio: Estimate) -> dict[str, Any]:
    """The fields of a Claim that an estimate of the difference in us, and one of the log ratio, give."""
    low_us, high_us = in_us.interval(CONFIDENCE)
    low, high = (percent(end) for end in ratio.interval(CONFIDENCE))
    ends = {"us_low": low_us, "us_high": high_us, "percent_low": low, "percent_high": high}
    return {"us": in_us.mean, "percent": percent(ratio.mean), **ends}


def finding(in_us: Estimate, ratio: Estimate, margin_percent: float) -> Finding:
    return Finding(sign(*ratio.interval(CONFIDENCE)), *in_us.interval(CONFIDENCE), is_equivalent(ratio, margin_percent))
