"""Says how sure an answer is: what the control showed, what precision was reached, what is in doubt."""

from collections.abc import Iterator

from harness.model import Design, Summary
from harness.report import caveats
from harness.report.doubts import folded
from harness.report.selection import controls
from harness.report.wording import counted, difference, percent_of


def certainty(summary: Summary, design: Design) -> list[str]:
    """A few sentences on each, where there is something to say that the warnings do not."""
    return [*_controls(summary), caveats.effort(summary, design)]


def doubtful(summary: Summary) -> str:
    """How many kinds of doubt were noted, and which."""
    folds = folded(summary)
    if not folds:
        return "No doubt was noted."
    return f"{counted(len(folds), 'kind')} of doubt noted: {', '.join(fold.kind for fold in folds)}."


def _controls(summary: Summary) -> Iterator[str]:
    for control in controls(summary):
        estimate = percent_of(control)
        if estimate and control.verdict == "equivalent":
            seen = f"came out as no difference: {difference(estimate)}"
            yield f"The control, {control.against} measured a second time, {seen}."
