"""The rule: a claim is confirmed or contradicted by what is so here, or the data cannot decide it."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import Comparison
from harness.model.validation import Reason, Standing

Ruling = tuple[Standing, tuple[Reason, ...]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference as far as it is known. `sign` is 0 where it can be either; the interval is in us.

    `is_equivalent`: it is within the margin for sure, with a sign or without.
    """

    sign: int
    low_us: float
    high_us: float
    is_equivalent: bool

    def overlaps(self, other: "Finding") -> bool:
        return self.low_us <= other.high_us and other.low_us <= self.high_us


def finding_of(one: Comparison | None) -> Finding | None:
    """What a run found; None where it has no verdict, or is undecided."""
    if one is None or one.verdict in (None, "undecided"):
        return None
    ends = (one.percent_low, one.percent_high, one.us_low, one.us_high)
    low, high, low_us, high_us = (end or 0.0 for end in ends)  # a verdict has them all
    return Finding(sign(low, high), low_us, high_us, one.verdict == "equivalent")


def sign(low: float, high: float) -> int:
    """Of an interval; 0 where it has room for both."""
    return (low > 0) - (high < 0)


def ruling(obstacles: Sequence[Reason], claim: Finding | None, bare: Finding | None, *, beyond: bool) -> Ruling:
    """What a claim comes to, and why; `beyond`: it is surely more than a socket can make of a difference.

    Single runs never decide, however large their difference: how far runs lie apart there is not known.
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
