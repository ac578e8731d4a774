"""Picks from the comparisons of a summary."""

from collections.abc import Iterable

from harness.model import Comparison, Metric, Summary
from harness.report.wording import percent_of


def compared(summary: Summary, metric: Metric = "latency") -> list[Comparison]:
    """What was asked: the comparisons of `metric` but for the controls'."""
    return [c for c in summary.comparisons if c.metric == metric and not is_control(summary, c)]


def controls(summary: Summary, metric: Metric = "latency") -> list[Comparison]:
    return [c for c in summary.comparisons if c.metric == metric and is_control(summary, c)]


def is_control(summary: Summary, comparison: Comparison) -> bool:
    return summary.arms[comparison.arm].control_of is not None


def has_verdict(comparison: Comparison) -> bool:
    return comparison.verdict is not None and percent_of(comparison) is not None


def by_reference(comparisons: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    """The comparisons with each reference, in their order."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.against, []).append(comparison)
    return groups
