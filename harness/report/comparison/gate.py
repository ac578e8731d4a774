"""Says which arms got slower from the base run to another by more than is tolerated."""

from collections.abc import Iterator

from harness.analysis.across.changes import Change
from harness.analysis.across.runs import RunComparison
from harness.model import HEADLINE
from harness.report.wording import by, difference, percent_of


def gate_broken(comparison: RunComparison, percent: float) -> list[str]:
    """A sentence for each arm whose typical request is shown to be slower than in the base run by over `percent`.

    Shown: the whole 95 % interval of the change lies beyond it, so that an arm which got slower by exactly `percent`
    breaks the gate in 2.5 % of comparisons, and one that did not change practically never. Slower means slower
    compared with the reference arm: what slows both alike is not seen. An arm without a verdict breaks the gate too,
    for a service that fails must not pass. The control is not asked.
    """
    return [sentence for change in _asked(comparison) if (sentence := _broken(change, percent))]


def gate_open(comparison: RunComparison, percent: float) -> list[str]:
    """A sentence for each arm whose interval has `percent` inside: it passes, though it may have got slower by more."""
    return [
        f"{_subject(change)} may or may not be slower by more than {percent:g} %: {difference(seen)}. "
        "More sessions would tell."
        for change in _asked(comparison)
        if change.verdict and (seen := percent_of(change)) and seen.low <= percent < seen.high
    ]


def _asked(comparison: RunComparison) -> Iterator[Change]:
    controls = {name for name, arm in comparison.runs[0].arms.items() if arm.control_of is not None}
    return (change for change in comparison.changes if change.metric in HEADLINE and change.arm not in controls)


def _broken(change: Change, percent: float) -> str:
    seen = percent_of(change)
    if change.verdict is None or seen is None:
        return f"{_subject(change)} cannot be judged. {change.why}"
    if seen.low <= percent:
        return ""
    return f"{_subject(change)} is slower than in run 1 {by(seen)}, beyond the gate of {percent:g} %."


def _subject(change: Change) -> str:
    return f"In run {change.run}, {change.arm} compared with {change.against}"
