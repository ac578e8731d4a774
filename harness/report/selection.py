"""Selections of comparisons from a summary."""

from collections.abc import Iterable

from harness.model import HEADLINE, Comparison, MainEffect, Metric, Summary
from harness.report.sheet import excludes_zero_undecided
from harness.report.wording import (
    percent_of,
)


def headline(summary: Summary) -> Metric:
    """Return the metric of the run's main question."""
    return next((c.metric for c in summary.comparisons if c.metric in HEADLINE), "latency")


def compared(summary: Summary, metric: Metric | None = None) -> list[Comparison]:
    """Return the comparisons of `metric` (default: the headline metric) without the controls."""
    return [c for c in summary.comparisons if c.metric == (metric or headline(summary)) and not is_control(summary, c)]


def controls(summary: Summary, metric: Metric | None = None) -> list[Comparison]:
    """Return the comparisons of controls in `metric` (default: the headline metric)."""
    return [c for c in summary.comparisons if c.metric == (metric or headline(summary)) and is_control(summary, c)]


def is_control(summary: Summary, comparison: Comparison) -> bool:
    """Return whether the compared arm is a control."""
    return summary.arms[comparison.arm].control_of is not None


def has_verdict(effect: Comparison | MainEffect) -> bool:
    """Return whether the effect has a verdict and an interval."""
    return effect.verdict is not None and percent_of(effect) is not None


def by_root(comparisons: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    """Return the comparisons by the reference at the end of their chain: on a ladder, its bottom."""
    pairs = list(comparisons)
    lower = {comparison.arm: comparison.against for comparison in pairs}
    groups: dict[str, list[Comparison]] = {}
    for comparison in pairs:
        root = comparison.against
        while root in lower:
            root = lower[root]
        groups.setdefault(root, []).append(comparison)
    return groups


def by_reference(comparisons: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    """Return the comparisons by their reference, in order."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.against, []).append(comparison)
    return groups


def kept_undecided(summary: Summary, comparison: Comparison) -> bool:
    """Return whether the unadjusted interval excludes zero and only Holm's correction keeps the verdict undecided."""
    return holm_comparisons(summary) > 1 and excludes_zero_undecided(comparison)


def holm_comparisons(summary: Summary) -> int:
    """Return the number of comparisons that Holm's correction covers."""
    return sum(c.metric in HEADLINE and c.p_adjusted is not None for c in summary.comparisons)


def main_effects(summary: Summary) -> tuple[list[MainEffect], Metric]:
    """Return the main effects in the headline metric, and that metric."""
    metric: Metric = next((effect.metric for effect in summary.main_effects), "latency")
    return [effect for effect in summary.main_effects if effect.metric == metric], metric
