"""Says the answer in one sentence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from harness.model import ArmSummary, Comparison, Design, Metric, Summary
from harness.report.everywhere import everywhere
from harness.report.factors.screen import screen_answer
from harness.report.ladder.sentences import ladder_answer
from harness.report.overview import brief, counts, grouped
from harness.report.prescription import deciding
from harness.report.selection import by_reference, compared, has_verdict
from harness.report.wording import by, decimals, difference, listed, percent_of, rounded, us_of, within

FEW = 3  # comparisons that one sentence carries with all their numbers
MANY = 12  # comparisons beyond which it only counts verdicts
HOPS: Mapping[str, str] = {
    "tcp": "TCP loopback",
    "uds-tmpfs": "a Unix socket on tmpfs",
    "uds-dir": "a Unix socket in a directory",
}


def answer(summary: Summary, design: Design | None) -> str:
    """Every verdict in one sentence: with all its numbers when they are few, else grouped by verdict."""
    if summary.main_effects:
        return screen_answer(summary, design)
    if summary.ladders:
        return ladder_answer(summary, design)
    asked = compared(summary)
    if not asked:
        return "Nothing was compared: the reference is the only arm."
    said = everywhere(summary, asked)
    if said:
        return said
    if len(asked) > MANY:
        return counts(asked, design)
    if len(asked) > FEW:
        return grouped(asked, design, deciding(summary))
    clauses = [*_clauses(summary, design, filter(has_verdict, asked)), *_without_verdict(asked)]
    return _sentence("; ".join(clauses), asked[0].arm)


def cpu(summary: Summary) -> str:
    """CPU time per request against each reference, in one sentence; empty when it was not read, and of a ladder."""
    return "" if summary.ladders else _beside(summary, "cpu", "CPU time per request (nginx + app)")


def throughput(summary: Summary) -> str:
    """Where many requests are under way: time from one to the next against each reference, or nothing."""
    return _beside(summary, "throughput", "Throughput, as time from one request to the next,")


def _beside(summary: Summary, metric: Metric, what: str) -> str:
    known = [c for c in compared(summary, metric) if has_verdict(c)]
    if not known:
        return ""
    tell = _difference_of if len(known) <= 2 * FEW else brief
    parts = [f"against {name}: {', '.join(map(tell, group))}" for name, group in by_reference(known).items()]
    return f"{what} {'; '.join(parts)}."


def _difference_of(comparison: Comparison) -> str:
    estimate = percent_of(comparison)
    return f"{comparison.arm} {difference(estimate, named=False)}" if estimate else comparison.arm


def _clauses(summary: Summary, design: Design | None, judged: Iterable[Comparison]) -> Iterator[str]:
    for group in by_reference(judged).values():
        for place, comparison in enumerate(group):
            yield _clause(summary, design, comparison, first=place == 0)


def _clause(summary: Summary, design: Design | None, comparison: Comparison, *, first: bool) -> str:
    """One verdict; what the clause before has said of the same reference is said only by the `first`."""
    estimate = percent_of(comparison)
    assert estimate is not None
    subject = _subject(summary, comparison)
    than, to = (f" than {comparison.against}", f" to {comparison.against}") if first else ("", "")
    if comparison.verdict == "equivalent":
        return f"{subject} is equivalent{to}{within(design)}: {difference(estimate, named=first)}"
    if comparison.verdict == "undecided":
        seen = difference(estimate, named=first) + deciding(summary)
        return f"whether {subject} is faster or slower{than} is undecided: {seen}"
    us = _us(comparison, summary.arms[comparison.against], whole=first)
    return f"{subject} is {comparison.verdict}{than} {by(estimate, named=first)}{us}"


def _subject(summary: Summary, comparison: Comparison) -> str:
    """The arm's name, after what its hop is when that is all it differs in."""
    mine, other = (summary.arms[name].settings for name in (comparison.arm, comparison.against))
    differing = {key for key in mine | other if mine.get(key) != other.get(key)}
    hop = HOPS.get(str(mine.get("transport")))
    return f"{hop} ({comparison.arm})" if hop and differing == {"transport"} else comparison.arm


def _us(comparison: Comparison, reference: ArmSummary, *, whole: bool) -> str:
    us = us_of(comparison)
    if us is None:
        return ""
    amount = f", {abs(us.value):.{decimals(us.half_width, 0)}f} us"
    typical_us = reference.p50_us or reference.mean_us  # stolen time is in the mean, not in the difference
    if typical_us is None or not whole:
        return amount
    joint = "of" if us.value < 0 else "on top of"
    return f"{amount} {joint} {rounded(typical_us, 3)} us per request"


def _without_verdict(asked: Sequence[Comparison]) -> Iterator[str]:
    left = [c for c in asked if not has_verdict(c)]
    for (against, why), group in groupby(left, lambda c: (c.against, c.why.rstrip("."))):
        reason = f": {why}" if why else ""
        yield f"there is no verdict on {listed([c.arm for c in group])} against {against}{reason}"


def _sentence(text: str, arm: str) -> str:
    """`text` as a sentence; the name of an arm that it begins with keeps its small letter."""
    begins_with_name = text.startswith(f"{arm} is ")
    return f"{text if begins_with_name else text[0].upper() + text[1:]}."
