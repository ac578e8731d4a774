"""Many verdicts in one sentence: grouped by verdict, or only counted."""

from collections.abc import Iterator, Sequence

from harness.model import Comparison, Design
from harness.report.selection import by_reference
from harness.report.wording import (
    VERDICTS,
    capitalized,
    counted,
    listed,
    percent_alone,
    percent_of,
    verdict_counts,
    verdict_phrase,
)


def grouped(comparisons: Sequence[Comparison], design: Design | None, decide: str = "") -> str:
    """Return `Compared with tcp, a (-9.1 %) and b (-8.7 %) are faster; c (+0.3 %) is undecided; compared with ...`.

    `decide` follows the undecided: what would decide them.
    """
    clauses = [
        f"compared with {against}, {'; '.join(_verdict_clauses(group, design, decide))}"
        for against, group in by_reference(comparisons).items()
    ]
    return f"{capitalized('; '.join(clauses))}."


def _verdict_clauses(group: Sequence[Comparison], design: Design | None, decide: str) -> Iterator[str]:
    for verdict in VERDICTS:
        same = [c for c in group if c.verdict == verdict]
        if same:
            names = listed([brief(c) for c in same])
            yield f"{names} {verdict_phrase(verdict, len(same), design)}{_reasons(same, decide)}"


def counts(comparisons: Sequence[Comparison], design: Design | None) -> str:
    """Return `16 comparisons: 11 are faster, 4 are equivalent within 1 % and 1 is undecided.`"""
    verdicts = verdict_counts([c.verdict for c in comparisons], design)
    return f"{counted(len(comparisons), 'comparison')}: {verdicts}."


def _reasons(group: Sequence[Comparison], decide: str) -> str:
    """Return what would decide the undecided, or why there is no verdict."""
    reasons = "; ".join(dict.fromkeys(c.why.rstrip(".") for c in group if c.verdict is None and c.why))
    return f" ({reasons})" if reasons else decide if group[0].verdict == "undecided" else ""


def brief(comparison: Comparison) -> str:
    """Return `uds-dir (-10.4 %)`, or only the name without a verdict."""
    estimate = percent_of(comparison)
    if estimate is None or comparison.verdict is None:
        return comparison.arm
    return f"{comparison.arm} ({percent_alone(estimate)})"
