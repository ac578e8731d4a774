"""What a visit is remembered by, whoever sent its requests."""

from statistics import fmean
from typing import Any

from harness.load.client import Burst
from harness.load.crowd.search import Step
from harness.load.senders import Seen
from harness.model import Outcome
from harness.model.answers import is_change


def sights(seen: Seen, settle: int) -> dict[str, Any]:
    """Those fields of a `model.Visit` that come from its requests; `settle` of them our client sent before a tool."""
    if isinstance(seen, Outcome):
        return _of_outcome(seen, settle)
    return _of_step(seen) if isinstance(seen, Step) else _of_burst(seen)


def _of_burst(burst: Burst) -> dict[str, Any]:
    """Where requests were meant to be sent at some time, that is when their time begins."""
    late_us = fmean(burst.late_ns) / 1000 if burst.late_ns else None
    return {
        "requests": len(burst.latency_ns),
        "mean_us": fmean(burst.latency_ns) / 1000 + (late_us or 0) if burst.latency_ns else None,
        "failures": burst.failures,
        "positions": burst.positions,
        "start_ns": burst.start_ns,
        "latency_ns": burst.latency_ns,
        "late_ns": burst.late_ns,
        "late_us": late_us,
        "interval_us": burst.interval_ns / 1000 or None,
        "cpu_requests": burst.sent,
    }


def _of_step(step: Step) -> dict[str, Any]:
    """Rates differ from step to step, so their times have no common mean.

    A rate that is too high is no failure of the arm, whatever it does to requests; another answer is one.
    """
    whole = _of_burst(step.burst)
    kept = ("requests", "late_us", "interval_us")
    return {
        **{name: whole[name] for name in kept},
        "mean_us": None,
        "failures": {
            kind: count for kind, count in step.burst.failures.items() if step.rate_per_s is None or is_change(kind)
        },
        "percentiles_us": step.percentiles_us,
        "rate_per_s": step.rate_per_s,
        "cpu_requests": step.sent,
        "holds": step.holds,
    }


def _of_outcome(outcome: Outcome, settle: int) -> dict[str, Any]:
    """Its own time and not that of starting it."""
    sent = max(outcome.sent, outcome.requests + sum(outcome.failures.values()))
    return {
        "requests": outcome.requests,
        "mean_us": outcome.mean_us if outcome.requests else None,
        "failures": outcome.failures,
        "positions": tuple(range(len(outcome.latency_us))),
        "start_ns": (0,) * len(outcome.latency_us),  # tools tell how long, not when
        "latency_ns": tuple(round(1000 * us) for us in outcome.latency_us),
        "percentiles_us": outcome.percentiles_us,
        "interval_us": 1e6 * outcome.duration_s / outcome.requests if outcome.requests else None,
        "wall_ns": round(1e9 * outcome.duration_s * (settle + sent) / max(1, sent)),
        "cpu_requests": settle + sent,
    }
