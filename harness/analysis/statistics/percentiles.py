"""Percentiles of the requests, and the resolution at which they are known."""

from collections.abc import Iterable, Sequence
from statistics import fmean

import numpy as np

from harness.analysis.statistics.series import SessionData
from harness.model import VisitRow

MIN_REQUESTS_BEYOND = 10
RESOLUTION_STEPS_US = (1000.0, 100.0, 10.0, 1.0)
STEP_TOLERANCE = 1e-6  # of a step, for floating point


def percentile_us(sessions: Sequence[SessionData], arm: str, percentile: float) -> float | None:
    """Return the mean of the sessions; None if any with `arm` has fewer than 10 requests beyond the percentile."""
    known = [value for value in session_percentiles_us(sessions, arm, percentile) if value is not None]
    return fmean(known) if known else None


def session_percentiles_us(sessions: Sequence[SessionData], arm: str, percentile: float) -> list[float | None]:
    """Return the percentile of each session, None without `arm`; all None if a session has too few requests."""
    values = [_session_percentile_us(session, arm, percentile) for session in sessions]
    has_gap = any(
        value is None and _answered_visits(session, arm) for session, value in zip(sessions, values, strict=True)
    )
    return [None] * len(values) if has_gap else values


def pooled_sessions(sessions: Sequence[SessionData], arms: Sequence[str], percentile: float) -> list[SessionData]:
    """Return the sessions with single times of all `arms`, in order; none if fewer than 10 requests lie beyond in all.

    They are for a percentile of all sessions together.
    """
    shared = [session for session in sessions if all(session.times_us(arm).size for arm in arms)]
    totals = [sum(session.times_us(arm).size for session in shared) for arm in arms]
    is_enough = all(_has_enough_beyond(total, percentile) for total in totals)
    return sorted(shared, key=lambda session: session.record.session) if is_enough else []


def _session_percentile_us(session: SessionData, arm: str, percentile: float) -> float | None:
    times_us = session.times_us(arm)
    if times_us.size == 0:
        return _tool_percentile_us(_answered_visits(session, arm), percentile)
    return float(np.percentile(times_us, percentile)) if _has_enough_beyond(times_us.size, percentile) else None


def _tool_percentile_us(visits: Sequence[VisitRow], percentile: float) -> float | None:
    """Return the mean over the runs of the tool; None if any has too few requests."""
    values = [
        visit.percentiles_us[percentile]
        for visit in visits
        if percentile in visit.percentiles_us and _has_enough_beyond(visit.requests, percentile)
    ]
    return fmean(values) if values and len(values) == len(visits) else None


def _answered_visits(session: SessionData, arm: str) -> list[VisitRow]:
    """Return the visits with answers, without the steps of a search: their rates differ."""
    return [visit for visit in session.visits_of(arm) if visit.requests > 0 and visit.holds is None]


def _has_enough_beyond(requests: int, percentile: float) -> bool:
    return round(requests * (100 - percentile), 6) >= 100 * MIN_REQUESTS_BEYOND


def resolution_step_us(values_us: Iterable[float | None]) -> float:
    """Return the coarsest of 1 ms, 100, 10 and 1 us that divides every value; 0 if none does."""
    known = [value for value in values_us if value]
    return next(
        (step for step in RESOLUTION_STEPS_US if known and all(_is_multiple(value, step) for value in known)), 0.0
    )


def _is_multiple(value: float, step: float) -> bool:
    return abs(value / step - round(value / step)) < STEP_TOLERANCE
