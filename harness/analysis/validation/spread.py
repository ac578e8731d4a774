"""How far single runs of one and the same thing lie apart on this machine, from the records of a run."""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np

from harness.analysis.bursts import Series
from harness.analysis.estimate import percent
from harness.model import Record, VisitRow
from harness.model.validation import Pairs, Spread

TYPICAL, MOST = 0.5, 0.95
ENOUGH = 100  # stretches of a session: more pairs than theirs say nothing new


def stretches(records: Sequence[Record], arms: Collection[str], requests: int) -> list[Series]:
    """For each session the logs of the means of so many requests in a row, in their order.

    All `arms` together, each visit's time over its arm's mean in the run: taken arm by arm a stretch would last as
    many times longer than a tool's run as there are arms, and average over more of the machine's drift.
    """
    means = _means(records, arms)
    return [_of_session(_in_order(record, means), means, requests) for record in records]


def length_of(records: Sequence[Record], arms: Collection[str], wanted: int) -> int:
    """How many requests a stretch can have: `wanted`, but no fewer than a visit has, and no more than a session."""
    means = _means(records, arms)
    visits = [[visit.requests for visit in _in_order(record, means)] for record in records]
    sessions = list(filter(None, visits))
    if not sessions:
        return wanted
    return min(max(wanted, min(map(max, sessions))), min(map(sum, sessions)))


def spread_of(records: Sequence[Record], arms: Collection[str], wanted: int) -> Spread:
    requests = length_of(records, arms, wanted)
    found = stretches(records, arms, requests)
    return Spread(
        wanted=wanted,
        requests=requests,
        sessions=sum(of_session.size > 0 for of_session in found),
        stretches=sum(of_session.size for of_session in found),
        next=_pairs(np.concatenate([np.empty(0), *(np.diff(of_session) for of_session in found)])),
        apart=_pairs(apart(found)),
    )


def apart(found: Sequence[Series]) -> Series:
    """The log ratios of all pairs of stretches of different sessions; of a session with many, of some throughout it."""
    pairs = [np.subtract.outer(one, other).ravel() for one, other in combinations(map(_thinned, found), 2)]
    return np.concatenate([np.empty(0), *pairs])


def chance_of(found: Sequence[Series], difference_percent: float) -> float | None:
    """The share of pairs, of different sessions where there are several, that lie further apart than that."""
    ratios = apart(found)
    if not ratios.size:
        ratios = np.concatenate([np.empty(0), *(np.diff(of_session) for of_session in found)])
    if not ratios.size:
        return None
    return float(np.mean(np.abs(ratios) > abs(math.log1p(difference_percent / 100))))


def _thinned(of_session: Series) -> Series:
    places = np.linspace(0, of_session.size - 1, min(of_session.size, ENOUGH))
    return of_session[places.round().astype(np.intp)]


def _pairs(ratios: Series) -> Pairs | None:
    if not ratios.size:
        return None
    typical, most = (percent(float(found)) for found in np.quantile(np.abs(ratios), [TYPICAL, MOST]))
    return Pairs(pairs=ratios.size, typical_percent=typical, most_percent=most)


def _means(records: Sequence[Record], arms: Collection[str]) -> dict[str, float]:
    """The mean time of each arm's visits in the whole run."""
    found: dict[str, list[float]] = {}
    for record in records:
        for visit in record.visits:
            if visit.arm in arms and visit.mean_us and _counts(visit):
                found.setdefault(visit.arm, []).append(visit.mean_us)
    return {arm: float(np.mean(times)) for arm, times in found.items()}


def _in_order(record: Record, means: Mapping[str, float]) -> list[VisitRow]:
    usable = [visit for visit in record.visits if visit.arm in means and _counts(visit)]
    return sorted(usable, key=lambda visit: (visit.round, visit.order))


def _of_session(visits: Sequence[VisitRow], means: Mapping[str, float], requests: int) -> Series:
    """A visit belongs to the stretch in which its last request lies; the last stretch must be full."""
    if not visits:
        return np.empty(0)
    sizes = np.array([visit.requests for visit in visits])
    times = np.array([(visit.mean_us or 0) / means[visit.arm] for visit in visits])
    ends = np.cumsum(sizes)
    number = (ends - 1) // requests
    full = np.bincount(number, sizes)
    sums = np.bincount(number, sizes * times)
    whole = int(ends[-1] // requests)
    return np.log(sums[:whole][full[:whole] > 0] / full[:whole][full[:whole] > 0])


def _counts(visit: VisitRow) -> bool:
    """The steps of a search for a capacity are not of one load."""
    return bool(visit.mean_us) and visit.requests > 0 and visit.holds is None
