"""Percentiles of an arm, within each session and then averaged; none if too few requests exceed them."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import polars as pl

from harness.analysis.bursts import Series, SessionData
from harness.model import VisitRow

FEWEST_BEYOND = 10


def percentile_us(sessions: Sequence[SessionData], arm: str, percentile: float) -> float | None:
    """Return the mean of the sessions; None if any with `arm` has fewer than 10 requests beyond the percentile."""
    known = [value for value in per_session_us(sessions, arm, percentile) if value is not None]
    return fmean(known) if known else None


def per_session_us(sessions: Sequence[SessionData], arm: str, percentile: float) -> list[float | None]:
    """Return the percentile of each session, None without `arm`; all None if a session has too few requests."""
    values = [_of_session(session, arm, percentile) for session in sessions]
    has_gap = any(value is None and _answered(session, arm) for session, value in zip(sessions, values, strict=True))
    return [None] * len(values) if has_gap else values


def _of_session(session: SessionData, arm: str, percentile: float) -> float | None:
    times_us = _times_us(session, arm)
    if times_us.size == 0:
        return _of_tool(_answered(session, arm), percentile)
    return float(np.percentile(times_us, percentile)) if _enough(times_us.size, percentile) else None


def _of_tool(visits: Sequence[VisitRow], percentile: float) -> float | None:
    """Return the mean over the runs of the tool; None if any has too few requests."""
    values = [
        visit.percentiles_us[percentile]
        for visit in visits
        if percentile in visit.percentiles_us and _enough(visit.requests, percentile)
    ]
    return fmean(values) if values and len(values) == len(visits) else None


def _answered(session: SessionData, arm: str) -> list[VisitRow]:
    """Return the visits with answers, without the steps of a search: their rates differ."""
    return [visit for visit in session.record.visits if visit.arm == arm and visit.requests > 0 and visit.holds is None]


def _times_us(session: SessionData, arm: str) -> Series:
    if session.requests.is_empty():
        return np.empty(0)
    of_arm = session.requests.filter(pl.col("arm") == arm)
    return of_arm.select(pl.col("latency_ns") + pl.col("late_ns")).to_series().to_numpy() / 1000


def _enough(requests: int, percentile: float) -> bool:
    return round(requests * (100 - percentile), 6) >= 100 * FEWEST_BEYOND
