"""The variance between service starts: a service is started once for a run, a bare arm for each session."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from harness.analysis.effects import Pair
from harness.analysis.estimate import Estimate, estimate
from harness.analysis.why.per_session import Value, difference, level
from harness.analysis.why.quantities import time_us
from harness.model import Record, VisitRow


@dataclass(frozen=True, slots=True)
class Paired:
    """The difference of two arms over sessions, in us and as a log ratio; `level_us` is the time of the first."""

    us: Estimate
    ratio: Estimate
    level_us: float

    def with_starts(self, *others: "Paired") -> "Paired":
        """Return the estimate with the variance of one start added for each of `others`, a service and its bare arm.

        The variance of such a difference over sessions contains that of the starts of the bare arm. The one start of
        the service is assumed to vary as much. Its variance is not divided by the number of sessions, as in a
        prediction interval. In us it is at least the same proportion of a slower time.
        """
        in_us = [max(other.us.sd, other.ratio.sd * other.level_us) for other in others]
        return Paired(_wider(self.us, in_us), _wider(self.ratio, [other.ratio.sd for other in others]), self.level_us)


def paired(records: Sequence[Record], pair: Pair) -> Paired | None:
    """Return arm - against, paired by round; None with fewer than 2 sessions that have both."""
    in_us, ratio = (_over_sessions(records, pair, value) for value in (time_us, _log_us))
    levels_us = level(records, pair[0], time_us, "median").values()
    return Paired(in_us, ratio, fmean(levels_us)) if in_us and ratio else None


def _over_sessions(records: Sequence[Record], pair: Pair, value: Value) -> Estimate | None:
    per_session = list(difference(records, pair, value, "median").values())
    return estimate(np.asarray(per_session)) if len(per_session) > 1 else None


def _log_us(visit: VisitRow) -> float | None:
    us = time_us(visit)
    return math.log(us) if us else None


def _wider(estimate: Estimate, deviations: Sequence[float]) -> Estimate:
    variance = estimate.sd**2 + estimate.sessions * sum(deviation**2 for deviation in deviations)
    return Estimate(estimate.mean, math.sqrt(variance), estimate.sessions)
