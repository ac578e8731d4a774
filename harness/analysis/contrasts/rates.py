"""Differences in capacity as differences of rates, where more is better: they are measured as times per request."""

from typing import TypeVar

from harness.model import METRICS, ArmEffect, Interval, Summary

SMALLEST_RATIO = 1e-300  # keeps the inverse finite: the end of a wide interval is rounded to -100 %
AnyEffect = TypeVar("AnyEffect", bound=ArmEffect)


def with_rates(summary: Summary) -> Summary:
    """Return the summary with its differences of capacities in percent of the rate, without microseconds."""
    effects = {
        "comparisons": tuple(map(in_rates, summary.comparisons)),
        "main_effects": tuple(map(in_rates, summary.main_effects)),
        "factor_interactions": tuple(map(in_rates, summary.factor_interactions)),
    }
    return summary.model_copy(update=effects)


def inverse_percent(percent: float) -> float:
    """Return the inverse of a ratio, both as differences in percent: of a difference of times, that of the rates."""
    return 100 * (1 / max(1 + percent / 100, SMALLEST_RATIO) - 1)


def shown_percent(interval: Interval | None, metric: str) -> Interval | None:
    """Return an interval in percent as reports show it: of the rate, if that is what the metric is."""
    if interval is None or metric not in METRICS or not METRICS[metric].is_rate:
        return interval
    value, low, high = (
        None if percent is None else inverse_percent(percent)
        for percent in (interval.value, interval.high, interval.low)
    )
    return Interval(value=value or 0.0, low=low, high=high)


def in_rates(effect: AnyEffect) -> AnyEffect:
    """Return the effect; on a capacity, in percent of the rate and without microseconds."""
    if not METRICS[effect.metric].is_rate:
        return effect
    percent, low, high = (
        None if percent is None else inverse_percent(percent)
        for percent in (effect.percent, effect.percent_high, effect.percent_low)
    )
    numbers = {"percent": percent, "percent_low": low, "percent_high": high}
    return effect.model_copy(update=numbers | dict.fromkeys(("us", "us_low", "us_high")))
