"""Whether a claimed difference is surely larger than a socket can make it."""

import math
from dataclasses import dataclass

from harness.analysis.validation.bound import most_us
from harness.model.validation import SocketBound


@dataclass(frozen=True, slots=True)
class Claimed:
    """A difference in us, a socket less TCP; without an interval its value is all there is of it."""

    us: float | None
    low_us: float | None = None
    high_us: float | None = None

    @property
    def least_us(self) -> float:
        """How large it is at least; nothing where it can have either sign."""
        value = self.us or 0.0
        low, high = (value if end is None else end for end in (self.low_us, self.high_us))
        return 0.0 if low * high <= 0 else min(map(math.fabs, (low, high)))


@dataclass(frozen=True, slots=True)
class Size:
    """The most that a socket can make of a difference of that sign, and whether the one claimed is surely larger."""

    bound_us: float | None = None
    beyond: bool | None = None


def sized(bound: SocketBound | None, claimed: Claimed, slowness: float | None) -> Size:
    """`slowness`: how many times as long a request over TCP takes there. Unknown where any of the three is."""
    if bound is None or slowness is None or not claimed.us:
        return Size()
    bound_us = most_us(bound, max(slowness, 1.0), slower=claimed.us > 0)
    return Size(bound_us, claimed.least_us > bound_us)
