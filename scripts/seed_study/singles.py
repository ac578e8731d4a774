"""What single runs of a load tool would show: each visit is a run, paired with the visit in the same round."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.statistics.series import Series, values_by_arm
from harness.model import METRICS, Record

FAR_PERCENT = 5.0
WANTED_PERCENT = 1.0
Z_95 = 1.96


@dataclass(frozen=True, slots=True)
class Singles:
    """Pairs of single runs of two arms. `wrong`: number of pairs with the opposite sign of the median.

    `far`: number that differ by more than 5 %. `enough`: number of independent pairs for an interval of +-1 %.
    """

    arm: str
    against: str
    pairs: int
    wrong: int
    far: int
    sd_percent: float
    enough: int


def singles_of(records: Sequence[Record], arm: str, against: str) -> Singles | None:
    """Return the pairs of `arm` and `against`; None with fewer than 2."""
    ratios = _ratios(records, arm, against)
    if ratios.size < 2:
        return None
    sd = float(ratios.std(ddof=1))
    return Singles(
        arm=arm,
        against=against,
        pairs=ratios.size,
        wrong=int(np.sum(np.sign(ratios) == -np.sign(np.median(ratios)))),
        far=int(np.sum(np.abs(ratios) > math.log1p(FAR_PERCENT / 100))),
        sd_percent=100 * sd,
        enough=math.ceil((Z_95 * sd / math.log1p(WANTED_PERCENT / 100)) ** 2),
    )


def _ratios(records: Sequence[Record], arm: str, against: str) -> Series:
    found = [np.empty(0)]
    for record in records:
        series = values_by_arm(record, METRICS["latency"])
        if arm in series and against in series:
            found.append(np.log(series[arm]) - np.log(series[against]))
    ratios = np.concatenate(found)
    return np.asarray(ratios[np.isfinite(ratios)])
