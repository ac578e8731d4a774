"""Numbers, intervals and verdicts of a family of effects that share a correction."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from harness.analysis.effects import Effects
from harness.analysis.estimate import Estimate, estimate, percent
from harness.analysis.looks import ErrorRate
from harness.analysis.verdict import Correction, Ruling, rulings

FEWEST_SESSIONS = 2
CONFIDENCE = 0.95
NUMBERS = ("percent", "percent_low", "percent_high", "us", "us_low", "us_high", "p")

Key = TypeVar("Key")
Fields = dict[str, Any]  # of an effect and its verdict


def nobody(_key: object) -> bool:
    """Return False: no member of the family is judged alone."""
    return False


def judged(  # noqa: PLR0913 - everything that a verdict depends on
    family: Mapping[Key, Effects],
    equivalence_percent: float,
    error_rate: ErrorRate,
    excuse: Callable[[Key], str],
    alone: Callable[[Key], bool] = nobody,
    correction: Correction | None = None,
) -> dict[Key, Fields]:
    """Return the fields of an effect and its verdict for each member.

    `excuse` is the reason why a member gets no verdict whatever its numbers, or "". A member that is judged `alone`,
    like a control, takes no part in the `correction` (default: Holm).
    """
    estimates = _estimates(family)
    together = {key: estimate for key, estimate in estimates.items() if not alone(key)}
    shared_rulings = rulings(list(together.values()), equivalence_percent, error_rate, correction)
    ruling_by_key = dict(zip(together, shared_rulings, strict=True))
    for key in estimates.keys() - together.keys():
        ruling_by_key[key] = replace(*rulings([estimates[key]], equivalence_percent, error_rate), p_adjusted=None)
    return {
        key: _fields(values, ruling_by_key.get(key), excuse(key), error_rate, equivalence_percent)
        for key, values in family.items()
    }


def _estimates(family: Mapping[Key, Effects]) -> dict[Key, Estimate]:
    """Return the estimates of the members with enough sessions for an interval."""
    return {
        key: estimate(values.log_ratio) for key, values in family.items() if values.log_ratio.size >= FEWEST_SESSIONS
    }


def _fields(
    values: Effects, ruling: Ruling | None, excuse: str, error_rate: ErrorRate, margin_percent: float
) -> Fields:
    """Return the fields; with fewer than 2 sessions there is neither a number nor a verdict."""
    if ruling is None:
        return {**dict.fromkeys(NUMBERS), "verdict": None, "why": excuse or _too_few(values.log_ratio.size)}
    numbers = {**_numbers(values, error_rate), "p_adjusted": ruling.p_adjusted, "margin_percent": margin_percent}
    if excuse:
        return {**numbers, "verdict": None, "why": excuse}
    return {**numbers, "verdict": ruling.verdict, "sessions_to_decide": ruling.sessions_to_decide}


def _numbers(values: Effects, error_rate: ErrorRate) -> Fields:
    ratio, difference_us = estimate(values.log_ratio), estimate(values.difference_us)
    confidence = 1 - error_rate(ratio.sessions)
    low, high = ratio.interval(confidence)
    us_low, us_high = difference_us.interval(confidence)
    return {
        "confidence": confidence,
        "percent": percent(ratio.mean),
        "percent_low": percent(low),
        "percent_high": percent(high),
        "us": difference_us.mean,
        "us_low": us_low,
        "us_high": us_high,
        "p": ratio.p,
    }


def _too_few(sessions: int) -> str:
    have = "1 session has" if sessions == 1 else f"{sessions} sessions have"
    return f"{have} times of both arms; an interval needs {FEWEST_SESSIONS}."
