"""The ruling on a claim: confirmed, contradicted, or not to be decided with these data."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import Comparison
from harness.model.validation import Reason, Standing

Ruling = tuple[Standing, tuple[Reason, ...]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A known difference: its sign (0 if unknown) and its interval in us.

    `is_equivalent`: it lies within the margin, whatever its sign.
    """

    sign: int
    low_us: float
    high_us: float
    is_equivalent: bool

    def overlaps(self, other: "Finding") -> bool:
        """Whether the intervals overlap."""
        return self.low_us <= other.high_us and other.low_us <= self.high_us


def finding_of(comparison: Comparison | None) -> Finding | None:
    """Return the difference of a comparison; None if it has no verdict or is undecided."""
    if comparison is None or comparison.verdict in (None, "undecided"):
        return None
    ends = (comparison.percent_low, comparison.percent_high, comparison.us_low, comparison.us_high)
    low, high, low_us, high_us = (end or 0.0 for end in ends)  # a verdict has them all
    return Finding(sign(low, high), low_us, high_us, comparison.verdict == "equivalent")


def sign(low: float, high: float) -> int:
    """Return the sign of an interval, or 0 if it contains zero."""
    return (low > 0) - (high < 0)


def ruling(obstacles: Sequence[Reason], claim: Finding | None, bare: Finding | None, *, beyond: bool) -> Ruling:
    """Return the status of a claim and the reasons; `beyond`: it exceeds what a socket can cause.

    Single runs never decide, however large their difference, because the variance between runs there is unknown.
    """
    size: tuple[Reason, ...] = ("beyond a socket",) if beyond else ()
    if obstacles or claim is None or bare is None:
        return "cannot be decided", (*obstacles, *size)
    if not claim.sign and not claim.is_equivalent:
        return "cannot be decided", ("includes zero", *size)
    if beyond:
        return "contradicted", size
    return _beside(claim, bare)


def _beside(claim: Finding, bare: Finding) -> Ruling:
    if claim.is_equivalent and bare.is_equivalent:
        return "confirmed", ("agrees",)
    if claim.sign and claim.sign == bare.sign:
        return "confirmed", ("agrees",) if claim.overlaps(bare) else ("agrees", "other size")
    if claim.sign * bare.sign == 0 and claim.overlaps(bare):
        return "cannot be decided", ("too coarse",)
    return "contradicted", ("disagrees",)
