"""Sentences on the certainty of an answer: controls, precision and doubts."""

from collections.abc import Iterator

from harness.model import Design, Summary
from harness.report import caveats
from harness.report.doubts import folded
from harness.report.selection import controls
from harness.report.wording import counted, difference, listed, percent_of


def certainty(summary: Summary, design: Design) -> list[str]:
    """Return sentences on the controls that are equivalent, and on the precision."""
    return [*_equivalent_controls(summary), caveats.effort(summary, design)]


def doubtful(summary: Summary) -> str:
    """Return the number of kinds of doubt, with their names."""
    folds = folded(summary)
    if not folds:
        return "No doubts."
    return f"{counted(len(folds), 'kind')} of doubt: {listed([fold.kind for fold in folds])}."


def _equivalent_controls(summary: Summary) -> Iterator[str]:
    for control in controls(summary):
        estimate = percent_of(control)
        if estimate and control.verdict == "equivalent":
            name = control.against
            yield f"The A/A control ({name} vs. {name}) shows no difference: {difference(estimate)}."
