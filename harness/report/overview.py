"""Says many verdicts at once: grouped by verdict, or only counted."""

from collections.abc import Iterator, Sequence

from harness.model import Comparison, Design, Verdict
from harness.report.selection import by_reference
from harness.report.wording import counted, decimals, listed, percent_of, signed, within

ORDER: tuple[Verdict | None, ...] = ("faster", "slower", "equivalent", "undecided", None)


def grouped(asked: Sequence[Comparison], design: Design | None, decide: str = "") -> str:
    """`Compared with tcp, a (-9.1 %) and b (-8.7 %) are faster; c (+0.3 %) is undecided; compared with ...`.

    `decide` says what would decide the undecided.
    """
    clauses = [
        f"compared with {against}, {'; '.join(_verdicts(group, design, decide))}"
        for against, group in by_reference(asked).items()
    ]
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def _verdicts(group: Sequence[Comparison], design: Design | None, decide: str) -> Iterator[str]:
    for verdict, same in _by_verdict(group):
        names = listed([brief(c) for c in same])
        yield f"{names} {_verdict(verdict, len(same), design)}{_reasons(same, decide)}"


def counts(asked: Sequence[Comparison], design: Design | None) -> str:
    """`16 comparisons: 11 are faster, 4 are equivalent within 1 % and 1 is undecided.`"""
    parts = [f"{len(same)} {_verdict(verdict, len(same), design)}" for verdict, same in _by_verdict(asked)]
    return f"{counted(len(asked), 'comparison')}: {listed(parts)}."


def _by_verdict(group: Sequence[Comparison]) -> Iterator[tuple[Verdict | None, list[Comparison]]]:
    for verdict in ORDER:
        same = [c for c in group if c.verdict == verdict]
        if same:
            yield verdict, same


def _verdict(verdict: Verdict | None, number: int, design: Design | None) -> str:
    if verdict is None:
        return "has no verdict" if number == 1 else "have no verdict"
    margin = within(design) if verdict == "equivalent" else ""
    return f"{'is' if number == 1 else 'are'} {verdict}{margin}"


def _reasons(group: Sequence[Comparison], decide: str) -> str:
    """What would decide the undecided, or why there is no verdict."""
    reasons = "; ".join(dict.fromkeys(c.why.rstrip(".") for c in group if c.verdict is None and c.why))
    return f" ({reasons})" if reasons else decide if group[0].verdict == "undecided" else ""


def brief(comparison: Comparison) -> str:
    """`uds-dir (-10.4 %)`; the name alone where there is no verdict to go with the number."""
    estimate = percent_of(comparison)
    if estimate is None or comparison.verdict is None:
        return comparison.arm
    return f"{comparison.arm} ({signed(estimate.value, decimals(estimate.half_width, 1), estimate.margin)} %)"
