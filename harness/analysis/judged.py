"""Numbers, intervals and verdicts of any family of differences that share a correction."""

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
Fields = dict[str, Any]  # of a Difference and its verdict


def nobody(_key: object) -> bool:
    return False


def judged(  # noqa: PLR0913 - everything that a verdict depends on
    family: Mapping[Key, Effects],
    equivalence_percent: float,
    error_rate: ErrorRate,
    excuse: Callable[[Key], str],
    alone: Callable[[Key], bool] = nobody,
    correction: Correction | None = None,
) -> dict[Key, Fields]:
    """What is said of each member.

    `excuse` is why it deserves no verdict however good its numbers look, or ""; whoever is judged `alone`, as a control
    is, takes no part in the correction: Holm's, where no other is given.
    """
    found = _estimates(family)
    together = {key: one for key, one in found.items() if not alone(key)}
    rules = rulings(list(together.values()), equivalence_percent, error_rate, correction)
    ruled = dict(zip(together, rules, strict=True))
    for key in found.keys() - together.keys():
        ruled[key] = replace(*rulings([found[key]], equivalence_percent, error_rate), p_adjusted=None)
    return {
        key: _fields(seen, ruled.get(key), excuse(key), error_rate, equivalence_percent) for key, seen in family.items()
    }


def _estimates(family: Mapping[Key, Effects]) -> dict[Key, Estimate]:
    """Of those that have sessions enough for an interval."""
    return {key: estimate(seen.log_ratio) for key, seen in family.items() if seen.log_ratio.size >= FEWEST_SESSIONS}


def _fields(seen: Effects, ruling: Ruling | None, excuse: str, error_rate: ErrorRate, margin_percent: float) -> Fields:
    """With fewer than 2 sessions there is neither a number nor a verdict."""
    if ruling is None:
        return {**dict.fromkeys(NUMBERS), "verdict": None, "why": excuse or _too_few(seen.log_ratio.size)}
    numbers = {**_numbers(seen, error_rate), "p_adjusted": ruling.p_adjusted, "margin_percent": margin_percent}
    if excuse:
        return {**numbers, "verdict": None, "why": excuse}
    return {**numbers, "verdict": ruling.verdict, "sessions_to_decide": ruling.sessions_to_decide}


def _numbers(seen: Effects, error_rate: ErrorRate) -> Fields:
    ratio, difference_us = estimate(seen.log_ratio), estimate(seen.difference_us)
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
