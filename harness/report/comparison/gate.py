"""The gate of `compare`: which arms regressed by more than the tolerance."""

from collections.abc import Iterator

from harness.analysis.across.changes import Change
from harness.analysis.across.runs import RunComparison
from harness.model import HEADLINE
from harness.report.wording import by, difference, percent_of


def gate_broken(comparison: RunComparison, percent: float) -> list[str]:
    """Return a sentence for each arm that regressed by more than `percent` since the base run.

    An arm regressed if the whole 95 % interval of its change lies beyond `percent`: an arm that got slower by exactly
    `percent` breaks the gate in 2.5 % of comparisons, an unchanged arm practically never. Changes are relative to the
    reference arm, so a slowdown of both is not detected. An arm without a verdict breaks the gate, because a failing
    service must not pass. Controls are ignored.
    """
    return [sentence for change in _gated_changes(comparison) if (sentence := _breach(change, percent))]


def gate_open(comparison: RunComparison, percent: float) -> list[str]:
    """Return a sentence for each arm that passes although its interval contains `percent`."""
    return [
        f"{_subject(change)} may be slower by more than {percent:g} %: {difference(interval)}. More sessions would "
        "decide it."
        for change in _gated_changes(comparison)
        if change.verdict and (interval := percent_of(change)) and interval.low <= percent < interval.high
    ]


def _gated_changes(comparison: RunComparison) -> Iterator[Change]:
    controls = {name for name, arm in comparison.runs[0].arms.items() if arm.control_of is not None}
    return (change for change in comparison.changes if change.metric in HEADLINE and change.arm not in controls)


def _breach(change: Change, percent: float) -> str:
    interval = percent_of(change)
    if change.verdict is None or interval is None:
        return f"{_subject(change)} has no verdict. {change.why}"
    if interval.low <= percent:
        return ""
    return f"{_subject(change)} is slower than in run 1 {by(interval)}, beyond the gate of {percent:g} %."


def _subject(change: Change) -> str:
    return f"In run {change.run}, {change.arm} compared with {change.against}"
