"""Whether the numbers of a run can be relied on. A valid run may still be unreliable: its numbers hold only in part."""

from harness.model import HEADLINE_METRICS, MACHINE_STATE, OUT_OF_TIME, Summary
from harness.model.summary import SummaryBrief

UNRELIABLE = (MACHINE_STATE, OUT_OF_TIME)  # kinds of doubts that concern all numbers of a valid run
INVALID = ("failed", "answers", "incomplete")  # kinds that make a run invalid, as a control that differs does
CONTROL = "control"


def is_reliable(summary: Summary | SummaryBrief) -> bool:
    """Return whether the run is valid, and its report does not begin with `Not reliable`."""
    return summary.valid and not unreliable_kinds(summary)


def unreliable_kinds(summary: Summary | SummaryBrief) -> list[str]:
    """Return the kinds of what makes the numbers unreliable; "control" where it could not be shown equal."""
    kinds = dict.fromkeys(doubt.kind for doubt in summary.doubts if doubt.kind in UNRELIABLE)
    return [*kinds, *([CONTROL] if _has_undecided_control(summary) else [])]


def _has_undecided_control(summary: Summary | SummaryBrief) -> bool:
    """Return whether a control is undecided in the headline metric."""
    metric = next((effect.metric for effect in summary.comparisons if effect.metric in HEADLINE_METRICS), "")
    controls = {name for name, arm in summary.arms.items() if arm.control_of is not None}
    return any(
        effect.verdict == "undecided" and effect.metric == metric and effect.arm in controls
        for effect in summary.comparisons
    )
