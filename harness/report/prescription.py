"""Says what would decide: one budget, the same wherever a report names it, or why no budget will do."""

from harness.model import Summary
from harness.report.doubts import folded

NOISE = ("steal", "busy", "preempted", "pressure", "throttled", "frequency", "swap", "containers")
UNREACHABLE = "not reachable on this machine while it is so noisy"


def option(summary: Summary) -> str:
    """`--budget 560`; nothing where no budget is needed, or none will do."""
    needed = summary.needed
    return f"--budget {needed.budget_s:.0f}" if needed and needed.budget_s else ""


def deciding(summary: Summary) -> str:
    """The end of a clause on what is undecided: `, --budget 560 would decide it`."""
    needed = summary.needed
    if needed is None or needed.goal != "decide":
        return ""
    return f", {option(summary)} would decide it" if needed.budget_s else f", a verdict is {UNREACHABLE}"


def prescription(summary: Summary) -> str:
    """The whole sentence, once in a report; nothing where nothing is left to do."""
    needed = summary.needed
    if needed is None:
        return ""
    if needed.budget_s is None:
        what = "A verdict" if needed.goal == "decide" else "That precision"
        return f"{what} is {UNREACHABLE}{_cause(summary)}."
    what = "would decide what is undecided" if needed.goal == "decide" else "should reach that"
    return f"{option(summary)} {what}."


def _cause(summary: Summary) -> str:
    """The first doubt that names a noise, else what can only be seen from the numbers."""
    found = next((fold for fold in folded(summary) if fold.kind in NOISE), None)
    return f" ({found.kind}: {found.seen})" if found else " (its sessions scatter more than a longer run could average)"
