"""Picks from the comparisons of a summary."""

from collections.abc import Iterable

from harness.model import HEADLINE, Comparison, MainEffect, Metric, Summary
from harness.report.wording import percent_of


def headline(summary: Summary) -> Metric:
    """What the run is about."""
    return next((c.metric for c in summary.comparisons if c.metric in HEADLINE), "latency")


def compared(summary: Summary, metric: Metric | None = None) -> list[Comparison]:
    """What was asked: the comparisons of `metric`, or what the run is about, but for the controls'."""
    return [c for c in summary.comparisons if c.metric == (metric or headline(summary)) and not is_control(summary, c)]


def controls(summary: Summary, metric: Metric | None = None) -> list[Comparison]:
    return [c for c in summary.comparisons if c.metric == (metric or headline(summary)) and is_control(summary, c)]


def is_control(summary: Summary, comparison: Comparison) -> bool:
    return summary.arms[comparison.arm].control_of is not None


def has_verdict(one: Comparison | MainEffect) -> bool:
    return one.verdict is not None and percent_of(one) is not None


def by_root(comparisons: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    """The same by the reference of the reference, where that is compared itself, as on a ladder, and so on."""
    found = list(comparisons)
    lower = {comparison.arm: comparison.against for comparison in found}
    groups: dict[str, list[Comparison]] = {}
    for comparison in found:
        root = comparison.against
        while root in lower:
            root = lower[root]
        groups.setdefault(root, []).append(comparison)
    return groups


def by_reference(comparisons: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    """The comparisons with each reference, in their order."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.against, []).append(comparison)
    return groups
