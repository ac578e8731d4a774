"""Latency by request rate, and capacities."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from statistics import fmean

import numpy as np

from harness.analysis.statistics.group_sequential import confidence_at
from harness.analysis.statistics.intervals import MIN_SESSIONS_FOR_INTERVAL, estimate_mean
from harness.analysis.statistics.percentiles import percentile_us
from harness.analysis.statistics.series import Series, SessionData, search_steps, session_capacities
from harness.model import Arm, Capacity, Experiment, Interval, LoadPoint, OpenLoopTimes

PERCENTILES = (50, 90, 99)
MAX_LATE_SHARE = 0.1  # of the limit: a client with a higher mean lag determines p99 itself


def open_loop_times(arm: Arm, sessions: Sequence[SessionData]) -> OpenLoopTimes | None:
    """Return the times of an arm whose requests were sent at a rate; None for others, or without answers."""
    rate = arm.settings.rate
    columns = [_columns_us(session, arm.name) for session in sessions] if isinstance(rate, float) and rate else []
    known = [(sent_us, late_us) for sent_us, late_us in columns if sent_us.size]
    if not known or not isinstance(rate, float):
        return None
    sent = [sent_us for sent_us, _ in known]
    late = [late_us for _, late_us in known]
    return OpenLoopTimes(
        rate_per_s=rate,
        from_sending={
            "mean": _mean(sent),
            **{f"p{percentile}": _percentile(sent, percentile) for percentile in PERCENTILES},
        },
        late={"mean": _mean(late), "p99": _percentile(late, 99)},
    )


def arm_capacities(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()
) -> tuple[Capacity, ...]:
    """Return the capacity of each arm that held at any rate in 2 sessions: a geometric mean."""
    per_session = [session_capacities(session.record) for session in sessions]
    rates = {arm.name: [by_arm[arm.name] for by_arm in per_session if arm.name in by_arm] for arm in experiment.arms}
    return tuple(
        Capacity(
            arm=arm.name,
            p99_limit_ms=arm.settings.p99_limit_ms,
            per_s=_amount(rates[arm.name], looks),
            sessions=len(rates[arm.name]),
            client_bound=_is_late(arm, sessions),
        )
        for arm in experiment.arms
        if len(rates[arm.name]) >= MIN_SESSIONS_FOR_INTERVAL
    )


def load_points(experiment: Experiment, sessions: Sequence[SessionData]) -> tuple[LoadPoint, ...]:
    """Return the points of each arm at a rate, and of each step of a search."""
    return tuple(chain(_arms(experiment, sessions), _steps(sessions)))


def _arms(experiment: Experiment, sessions: Sequence[SessionData]) -> Iterator[LoadPoint]:
    for arm in experiment.arms:
        if not isinstance(arm.settings.rate, float) or not arm.settings.rate:
            continue
        p50_us, p99_us = percentile_us(sessions, arm.name, 50), percentile_us(sessions, arm.name, 99)
        if p50_us and p99_us:
            yield LoadPoint(arm=arm.name, rate_per_s=arm.settings.rate, p50_us=p50_us, p99_us=p99_us)


def _steps(sessions: Sequence[SessionData]) -> Iterator[LoadPoint]:
    for session in sessions:
        for arm, steps in search_steps(session.record).items():
            for step in steps:
                p50_us, p99_us = (step.percentiles_us.get(percentile) for percentile in (50.0, 99.0))
                if step.rate_per_s is not None and p50_us is not None and p99_us is not None:
                    number = session.record.session
                    yield LoadPoint(arm=arm, rate_per_s=step.rate_per_s, p50_us=p50_us, p99_us=p99_us, session=number)


def _is_late(arm: Arm, sessions: Sequence[SessionData]) -> bool:
    steps = chain.from_iterable(search_steps(session.record).get(arm.name, []) for session in sessions)
    late_us = [step.late_us for step in steps if step.holds and step.late_us is not None]
    return bool(late_us) and fmean(late_us) > MAX_LATE_SHARE * 1000 * arm.settings.p99_limit_ms


def _amount(per_s: Sequence[float], looks: Sequence[int]) -> Interval:
    log_rate = estimate_mean(np.log(per_s))
    low, high = log_rate.interval(confidence_at(looks, len(per_s)))
    return Interval(value=math.exp(log_rate.mean), low=math.exp(low), high=math.exp(high))


def _columns_us(session: SessionData, arm: str) -> tuple[Series, Series]:
    """Return (latency from the actual send, lag of the send behind its schedule), each (requests,)."""
    requests = session.requests_of(arm)
    if requests.is_empty():
        return np.empty(0), np.empty(0)
    return requests.get_column("latency_ns").to_numpy() / 1000, requests.get_column("late_ns").to_numpy() / 1000


def _mean(sessions: Sequence[Series]) -> float:
    return fmean(float(times_us.mean()) for times_us in sessions)


def _percentile(sessions: Sequence[Series], percentile: int) -> float:
    """Return the mean of the percentiles of the sessions."""
    return fmean(float(np.percentile(times_us, percentile)) for times_us in sessions)
