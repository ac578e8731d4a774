"""Whether a claimed difference exceeds the most that a socket can cost or save."""

import math
from dataclasses import dataclass

from harness.analysis.validation.bound import most_us
from harness.model.validation import SocketBound


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed difference in us, Unix socket less TCP, with its interval if there is one."""

    us: float | None
    low_us: float | None = None
    high_us: float | None = None

    @property
    def least_us(self) -> float:
        """Least absolute value in the interval; 0 if it contains zero."""
        value = self.us or 0.0
        low, high = (value if end is None else end for end in (self.low_us, self.high_us))
        return 0.0 if low * high <= 0 else min(map(math.fabs, (low, high)))


@dataclass(frozen=True, slots=True)
class Size:
    """The bound for a difference of that sign, and whether the whole interval of the claim is beyond it."""

    bound_us: float | None = None
    beyond: bool | None = None


def sized(bound: SocketBound | None, claimed: Claimed, slowness: float | None) -> Size:
    """Return the check on a machine that is `slowness` times as slow; without values if any argument is unknown."""
    if bound is None or slowness is None or not claimed.us:
        return Size()
    bound_us = most_us(bound, max(slowness, 1.0), slower=claimed.us > 0)
    return Size(bound_us, claimed.least_us > bound_us)
