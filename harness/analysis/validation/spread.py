"""The spread of single runs on this machine, from stretches of requests of the same arms."""

import math
from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np

from harness.analysis.statistics.intervals import to_percent
from harness.analysis.statistics.series import Series
from harness.model import Record, VisitRow
from harness.model.validation import PairSpread, SingleRunSpread

TYPICAL_QUANTILE, UPPER_QUANTILE = 0.5, 0.95
MAX_STRETCHES = 100  # of a session; more add no information


def single_run_spread(records: Sequence[Record], arms: Collection[str], wanted: int) -> SingleRunSpread:
    """Return the spread of stretches of about `wanted` requests."""
    requests = stretch_length(records, arms, wanted)
    sessions = stretch_logs(records, arms, requests)
    return SingleRunSpread(
        wanted=wanted,
        requests=requests,
        sessions=sum(session.size > 0 for session in sessions),
        stretches=sum(session.size for session in sessions),
        next=_pair_spread(_ratios_within_sessions(sessions)),
        apart=_pair_spread(_ratios_between_sessions(sessions)),
    )


def chance_beyond(sessions: Sequence[Series], difference_percent: float) -> float | None:
    """Return the share of pairs of stretches that differ by more; from different sessions if there are several."""
    ratios = _ratios_between_sessions(sessions)
    if not ratios.size:
        ratios = _ratios_within_sessions(sessions)
    return float(np.mean(np.abs(ratios) > abs(math.log1p(difference_percent / 100)))) if ratios.size else None


def stretch_length(records: Sequence[Record], arms: Collection[str], wanted: int) -> int:
    """Return the requests of a stretch: `wanted`, but at least those of a visit and at most those of a session."""
    sessions = [[visit.requests for visit in visits] for visits in _visits_in_order(records, arms) if visits]
    return min(max(wanted, min(map(max, sessions))), min(map(sum, sessions))) if sessions else wanted


def stretch_logs(records: Sequence[Record], arms: Collection[str], requests: int) -> list[Series]:
    """Return, for each session, the logs of the means of `requests` successive requests, in their order.

    All `arms` are pooled, each visit relative to the mean of its arm in the run. Taken arm by arm, a stretch would last
    several times longer than a run of a tool, and average over more drift. A visit belongs to the stretch of its last
    request; only full stretches count.
    """
    sessions = _visits_in_order(records, arms)
    times_by_arm: dict[str, list[float]] = {}
    for visit in (visit for visits in sessions for visit in visits):
        times_by_arm.setdefault(visit.arm, []).append(visit.mean_us or 0)
    means = {arm: float(np.mean(times)) for arm, times in times_by_arm.items()}
    logs = []
    for visits in sessions:
        sizes = np.array([visit.requests for visit in visits], dtype=int)
        times = np.array([(visit.mean_us or 0) / means[visit.arm] for visit in visits])
        stretches = (np.cumsum(sizes) - 1) // requests
        whole = int(sizes.sum() // requests)
        requests_of, sums = (np.bincount(stretches, weights)[:whole] for weights in (sizes, sizes * times))
        logs.append(np.log(sums[requests_of > 0] / requests_of[requests_of > 0]))
    return logs


def _visits_in_order(records: Sequence[Record], arms: Collection[str]) -> list[list[VisitRow]]:
    """Return the visits of each session that have a time and are no steps of a search for a capacity."""
    usable = [
        [
            visit
            for visit in record.visits
            if visit.arm in arms and visit.mean_us and visit.requests and visit.holds is None
        ]
        for record in records
    ]
    return [sorted(visits, key=lambda visit: (visit.round, visit.order)) for visits in usable]


def _ratios_within_sessions(sessions: Sequence[Series]) -> Series:
    """Return the log ratios of neighbours."""
    return np.concatenate([np.empty(0), *map(np.diff, sessions)])


def _ratios_between_sessions(sessions: Sequence[Series]) -> Series:
    """Return the log ratios of all pairs of stretches of different sessions, at most 100 stretches each."""
    thinned = [
        session[np.linspace(0, session.size - 1, min(session.size, MAX_STRETCHES)).round().astype(np.intp)]
        for session in sessions
    ]
    pairs = [np.subtract.outer(first, second).ravel() for first, second in combinations(thinned, 2)]
    return np.concatenate([np.empty(0), *pairs])


def _pair_spread(ratios: Series) -> PairSpread | None:
    if not ratios.size:
        return None
    typical, most = np.quantile(np.abs(ratios), [TYPICAL_QUANTILE, UPPER_QUANTILE])
    return PairSpread(
        pairs=ratios.size, typical_percent=to_percent(float(typical)), most_percent=to_percent(float(most))
    )
