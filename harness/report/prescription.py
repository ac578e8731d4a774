"""The budget that a verdict or the target precision would take, or why none is enough."""

from harness.model import Summary
from harness.report.doubts import folded

NOISE = ("steal", "busy", "preempted", "pressure", "throttled", "frequency", "swap", "containers")
UNREACHABLE = "out of reach at this noise level"


def option(summary: Summary) -> str:
    """Return `--budget 560`; empty if none is needed or none is enough."""
    needed = summary.needed
    return f"--budget {needed.budget_s:.0f}" if needed and needed.budget_s else ""


def deciding(summary: Summary) -> str:
    """Return the end of a clause on undecided effects: `, --budget 560 would decide it`."""
    needed = summary.needed
    if needed is None or needed.goal != "decide":
        return ""
    return f", {option(summary)} would decide it" if needed.budget_s else f", a verdict is {UNREACHABLE}"


def prescription(summary: Summary) -> str:
    """Return the sentence that stands once in a report; empty if nothing is left to do."""
    needed = summary.needed
    if needed is None:
        return ""
    if needed.budget_s is None:
        what = "A verdict" if needed.goal == "decide" else "The target"
        return f"{what} is {UNREACHABLE} ({_cause(summary)}): quiet the machine first."
    what = "would decide what is undecided" if needed.goal == "decide" else "should reach the target"
    return f"{option(summary)} {what}."


def _cause(summary: Summary) -> str:
    """Return the first doubt that names a source of noise, or else the scatter of the sessions."""
    noise = next((fold for fold in folded(summary) if fold.kind in NOISE), None)
    return f"{noise.kind}: {noise.seen}" if noise else "the sessions vary more than a longer run could average"
