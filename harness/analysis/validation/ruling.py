"""Rules on a claim: confirmed, refuted, or not decidable, with the numbers that decide."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.statistics.inference import CONFIDENCE, Estimate, is_equivalent, to_percent
from harness.model import Comparison
from harness.model.validation import ClaimNumbers, ClaimReason, ClaimStatus

ClaimRuling = tuple[ClaimStatus, tuple[ClaimReason, ...]]


def claim_numbers(in_us: Estimate, ratio: Estimate) -> ClaimNumbers:
    """Return the size of a claim from the estimates of the difference in us and of the log ratio."""
    low_us, high_us = in_us.interval(CONFIDENCE)
    low, high = (to_percent(end) for end in ratio.interval(CONFIDENCE))
    return ClaimNumbers(
        us=in_us.mean,
        us_low=low_us,
        us_high=high_us,
        percent=to_percent(ratio.mean),
        percent_low=low,
        percent_high=high,
    )


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """A known difference: its sign (0 if unknown) and its interval in us.

    `is_equivalent`: it lies within the margin, whatever its sign.
    """

    sign: int
    low_us: float
    high_us: float
    is_equivalent: bool

    def overlaps(self, other: "KnownDifference") -> bool:
        """Whether the intervals overlap."""
        return self.low_us <= other.high_us and other.low_us <= self.high_us


def known_difference(in_us: Estimate, ratio: Estimate, margin_percent: float) -> KnownDifference:
    """Return the difference with its sign, interval, and whether it lies within the margin."""
    return KnownDifference(
        interval_sign(*ratio.interval(CONFIDENCE)), *in_us.interval(CONFIDENCE), is_equivalent(ratio, margin_percent)
    )


def difference_from_comparison(comparison: Comparison | None) -> KnownDifference | None:
    """Return the difference of a comparison; None if it has no verdict or is undecided."""
    if comparison is None or comparison.verdict in (None, "undecided"):
        return None
    ends = (comparison.percent_low, comparison.percent_high, comparison.us_low, comparison.us_high)
    low, high, low_us, high_us = (end or 0.0 for end in ends)  # a verdict has them all
    return KnownDifference(interval_sign(low, high), low_us, high_us, comparison.verdict == "equivalent")


def interval_sign(low: float, high: float) -> int:
    """Return the sign of an interval, or 0 if it contains zero."""
    return (low > 0) - (high < 0)


def rule_claim(
    obstacles: Sequence[ClaimReason], claim: KnownDifference | None, bare: KnownDifference | None, *, beyond: bool
) -> ClaimRuling:
    """Return the status of a claim and the reasons; `beyond`: it exceeds what a socket can cause.

    Single runs never decide, however large their difference, because the variance between runs there is unknown.
    """
    size: tuple[ClaimReason, ...] = ("beyond a socket",) if beyond else ()
    if obstacles or claim is None or bare is None:
        return "cannot be decided", (*obstacles, *size)
    if not claim.sign and not claim.is_equivalent:
        return "cannot be decided", ("includes zero", *size)
    if beyond:
        return "contradicted", size
    return _rule_against_bare(claim, bare)


def _rule_against_bare(claim: KnownDifference, bare: KnownDifference) -> ClaimRuling:
    if claim.is_equivalent and bare.is_equivalent:
        return "confirmed", ("agrees",)
    if claim.sign and claim.sign == bare.sign:
        return "confirmed", ("agrees",) if claim.overlaps(bare) else ("agrees", "other size")
    if claim.sign * bare.sign == 0 and claim.overlaps(bare):
        return "cannot be decided", ("too coarse",)
    return "contradicted", ("disagrees",)
