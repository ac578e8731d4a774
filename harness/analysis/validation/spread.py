"""How much single runs of the same arm differ on this machine, from the records of a run."""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np

from harness.analysis.bursts import Series
from harness.analysis.estimate import percent
from harness.model import Record, VisitRow
from harness.model.validation import Pairs, Spread

TYPICAL, MOST = 0.5, 0.95
ENOUGH = 100  # of a session; more add no information


def stretches(records: Sequence[Record], arms: Collection[str], requests: int) -> list[Series]:
    """Return, for each session, the logs of the means of `requests` successive requests, in their order.

    All `arms` are pooled, each visit relative to the mean of its arm in the run. Taken arm by arm, a stretch would last
    several times longer than a run of a tool, and average over more drift.
    """
    means = _means(records, arms)
    return [_of_session(_in_order(record, means), means, requests) for record in records]


def length_of(records: Sequence[Record], arms: Collection[str], wanted: int) -> int:
    """Return the requests of a stretch: `wanted`, but at least those of a visit and at most those of a session."""
    means = _means(records, arms)
    visits = [[visit.requests for visit in _in_order(record, means)] for record in records]
    sessions = list(filter(None, visits))
    if not sessions:
        return wanted
    return min(max(wanted, min(map(max, sessions))), min(map(sum, sessions)))


def spread_of(records: Sequence[Record], arms: Collection[str], wanted: int) -> Spread:
    """Return the spread of stretches of about `wanted` requests."""
    requests = length_of(records, arms, wanted)
    by_session = stretches(records, arms, requests)
    return Spread(
        wanted=wanted,
        requests=requests,
        sessions=sum(of_session.size > 0 for of_session in by_session),
        stretches=sum(of_session.size for of_session in by_session),
        next=_pairs(np.concatenate([np.empty(0), *(np.diff(of_session) for of_session in by_session)])),
        apart=_pairs(apart(by_session)),
    )


def apart(sessions: Sequence[Series]) -> Series:
    """Return the log ratios of all pairs of stretches of different sessions, at most 100 stretches each."""
    pairs = [np.subtract.outer(first, second).ravel() for first, second in combinations(map(_thinned, sessions), 2)]
    return np.concatenate([np.empty(0), *pairs])


def chance_of(sessions: Sequence[Series], difference_percent: float) -> float | None:
    """Return the share of pairs of stretches, between sessions if there are several, that differ by more."""
    ratios = apart(sessions)
    if not ratios.size:
        ratios = np.concatenate([np.empty(0), *(np.diff(of_session) for of_session in sessions)])
    if not ratios.size:
        return None
    return float(np.mean(np.abs(ratios) > abs(math.log1p(difference_percent / 100))))


def _thinned(of_session: Series) -> Series:
    indices = np.linspace(0, of_session.size - 1, min(of_session.size, ENOUGH))
    return of_session[indices.round().astype(np.intp)]


def _pairs(ratios: Series) -> Pairs | None:
    if not ratios.size:
        return None
    typical, most = (percent(float(ratio)) for ratio in np.quantile(np.abs(ratios), [TYPICAL, MOST]))
    return Pairs(pairs=ratios.size, typical_percent=typical, most_percent=most)


def _means(records: Sequence[Record], arms: Collection[str]) -> dict[str, float]:
    """Return the mean time of the visits of each arm in the whole run."""
    times_by_arm: dict[str, list[float]] = {}
    for record in records:
        for visit in record.visits:
            if visit.arm in arms and visit.mean_us and _counts(visit):
                times_by_arm.setdefault(visit.arm, []).append(visit.mean_us)
    return {arm: float(np.mean(times)) for arm, times in times_by_arm.items()}


def _in_order(record: Record, means: Mapping[str, float]) -> list[VisitRow]:
    usable = [visit for visit in record.visits if visit.arm in means and _counts(visit)]
    return sorted(usable, key=lambda visit: (visit.round, visit.order))


def _of_session(visits: Sequence[VisitRow], means: Mapping[str, float], requests: int) -> Series:
    """Return the log means of full stretches; a visit belongs to the stretch of its last request."""
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
    """Whether a visit has a time and is no step of a search for a capacity."""
    return bool(visit.mean_us) and visit.requests > 0 and visit.holds is None
