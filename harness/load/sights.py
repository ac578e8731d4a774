"""Turn the result of any client into fields of a visit."""

from statistics import fmean
from typing import Any

from harness.load.client import Burst
from harness.load.crowd.search import Step
from harness.load.senders import Seen
from harness.model import Outcome
from harness.model.answers import is_change


def sights(result: Seen, settle: int) -> dict[str, Any]:
    """Return the fields of `model.Visit` that depend on the requests; `settle` of these preceded a tool."""
    if isinstance(result, Outcome):
        return _of_outcome(result, settle)
    return _of_step(result) if isinstance(result, Step) else _of_burst(result)


def _of_burst(burst: Burst) -> dict[str, Any]:
    """Return the fields of a burst; in an open loop the mean is from the intended send times."""
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
    """Return the fields of a search step, without a mean, because rates differ from step to step.

    Requests that fail at a rate that is too high are no failures of the arm; changed answers are.
    """
    fields = _of_burst(step.burst)
    return {
        **{name: fields[name] for name in ("requests", "late_us", "interval_us")},
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
    """Return the fields of a tool's run; `wall_ns` is without the start of the tool."""
    sent = max(outcome.sent, outcome.requests + sum(outcome.failures.values()))
    return {
        "requests": outcome.requests,
        "mean_us": outcome.mean_us if outcome.requests else None,
        "failures": outcome.failures,
        "positions": tuple(range(len(outcome.latency_us))),
        "start_ns": (0,) * len(outcome.latency_us),  # unknown
        "latency_ns": tuple(round(1000 * us) for us in outcome.latency_us),
        "percentiles_us": outcome.percentiles_us,
        "interval_us": 1e6 * outcome.duration_s / outcome.requests if outcome.requests else None,
        "wall_ns": round(1e9 * outcome.duration_s * (settle + sent) / max(1, sent)),
        "cpu_requests": settle + sent,
    }
