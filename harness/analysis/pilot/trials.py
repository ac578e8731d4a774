"""The times of a pilot: by position, by round, and the cost of a round."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from harness.analysis.bursts import Series
from harness.model import Visit


@dataclass(frozen=True, slots=True)
class PilotSession:
    """The visits of a session in order, their total time, and the rest of the session's time."""

    visits: Sequence[Visit]
    visiting_s: float
    session_s: float


def times_by_position(sessions: Sequence[PilotSession]) -> Series:
    """Return nanoseconds, (visits, positions), of the visits with a single time for every request.

    Visits of sessions may differ in length; the shortest sets the positions.
    """
    visits = [visit.latency_ns for session in sessions for visit in _whole(session)]
    positions = min(map(len, visits), default=0)
    return np.array([times[:positions] for times in visits], dtype=np.float64).reshape(len(visits), positions)


def series_us(session: PilotSession, settle: int) -> dict[str, Series]:
    """Return the mean time of each arm's visits without their first `settle` requests, (rounds,): NaN if missing.

    For an outside tool, and for concurrent requests, it is the mean of the whole visit.
    """
    rounds = 1 + max((visit.round for visit in session.visits), default=-1)
    series = {visit.arm: np.full(rounds, np.nan) for visit in session.visits}
    for visit in session.visits:
        series[visit.arm][visit.round] = _mean_us(visit, settle)
    return series


def in_order_us(session: PilotSession, settle: int) -> Series:
    """Return the mean times in the order of the visits, relative to the median of their arm: (visits,)."""
    medians = {
        arm: np.nanmedian(times) for arm, times in series_us(session, settle).items() if np.isfinite(times).any()
    }
    ratios = [_mean_us(visit, settle) / medians[visit.arm] for visit in session.visits if visit.arm in medians]
    return np.array([ratio for ratio in ratios if np.isfinite(ratio)])


def round_s(sessions: Sequence[PilotSession], settle: int, burst: int) -> float:
    """Return the time of a round with visits of `settle` + `burst` requests, from the longer visits of the pilot."""
    return fmean(_round_s(session, settle + burst) for session in sessions)


def _round_s(session: PilotSession, positions: int) -> float:
    rounds = Counter(visit.arm for visit in session.visits)
    whole = _whole(session)
    request_s = sum(_request_s([visit for visit in whole if visit.arm == arm]) for arm in rounds)
    saved_requests = max((len(visit.latency_ns) for visit in whole), default=0) - positions
    return max(session.visiting_s / max(rounds.values()) - saved_requests * request_s, positions * request_s)


def _whole(session: PilotSession) -> list[Visit]:
    one_by_one = [visit for visit in session.visits if visit.interval_us is None]
    positions = max((len(visit.latency_ns) for visit in one_by_one), default=0)
    return [visit for visit in one_by_one if positions and len(visit.latency_ns) == positions]


def _mean_us(visit: Visit, settle: int) -> float:
    if not visit.latency_ns or visit.interval_us:
        return visit.mean_us or np.nan
    settled = [ns for position, ns in zip(visit.positions, visit.latency_ns, strict=True) if position >= settle]
    return fmean(settled) / 1000 if settled else np.nan


def _request_s(visits: Sequence[Visit]) -> float:
    """Return the time from the start of a request to that of the next one; 0 without single times."""
    spans_ns = [(visit.start_ns[-1] - visit.start_ns[0], len(visit.start_ns) - 1) for visit in visits]
    requests = sum(count for _, count in spans_ns)
    return sum(span for span, _ in spans_ns) / requests / 1e9 if requests else 0.0
