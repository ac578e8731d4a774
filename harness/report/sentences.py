"""The answer of a run in one sentence."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from harness.model import ArmSummary, Comparison, Design, Metric, Summary
from harness.report.everywhere import everywhere
from harness.report.factors.screen import screen_answer
from harness.report.ladder.sentences import ladder_answer
from harness.report.overview import brief, counts, grouped
from harness.report.prescription import deciding
from harness.report.selection import by_reference, compared, has_verdict
from harness.report.wording import (
    HOPS,
    by,
    capitalized,
    difference,
    interval_numbers,
    listed,
    percent_of,
    rounded,
    us_of,
    within,
)

MAX_DETAILED = 3  # comparisons that the answer gives with all their numbers
MANY = 12  # comparisons beyond which the answer only counts verdicts


def answer(summary: Summary, design: Design | None) -> str:
    """Return every verdict in one sentence: with all numbers if they are few, else grouped by verdict, or counted."""
    if summary.main_effects:
        return screen_answer(summary, design)
    if summary.ladders:
        return ladder_answer(summary, design)
    comparisons = compared(summary)
    if not comparisons:
        return "Nothing was compared: the reference is the only arm."
    text = everywhere(summary, comparisons)
    if text:
        return text
    if len(comparisons) > MANY:
        return counts(comparisons, design)
    if len(comparisons) > MAX_DETAILED:
        return grouped(comparisons, design, deciding(summary))
    clauses = [*_clauses(summary, design, filter(has_verdict, comparisons)), *_without_verdict(comparisons)]
    return _sentence("; ".join(clauses), comparisons[0].arm)


def cpu(summary: Summary) -> str:
    """Return the CPU time against each reference in one sentence; empty without CPU times and for a ladder."""
    return "" if summary.ladders else _metric_sentence(summary, "cpu", "CPU time per request (nginx + app)")


def throughput(summary: Summary) -> str:
    """Return the throughput against each reference in one sentence; empty where it was not compared."""
    return _metric_sentence(summary, "throughput", "Throughput (as time from one request to the next)")


def _metric_sentence(summary: Summary, metric: Metric, what: str) -> str:
    comparisons = [c for c in compared(summary, metric) if has_verdict(c)]
    if not comparisons:
        return ""
    describe = _arm_difference if len(comparisons) <= 2 * MAX_DETAILED else brief
    parts = [f"against {name}: {', '.join(map(describe, group))}" for name, group in by_reference(comparisons).items()]
    return f"{what} {'; '.join(parts)}."


def _arm_difference(comparison: Comparison) -> str:
    estimate = percent_of(comparison)
    return f"{comparison.arm} {difference(estimate, named=False)}" if estimate else comparison.arm


def _clauses(summary: Summary, design: Design | None, judged: Iterable[Comparison]) -> Iterator[str]:
    for group in by_reference(judged).values():
        yield from (_clause(summary, design, comparison, first=comparison is group[0]) for comparison in group)


def _clause(summary: Summary, design: Design | None, comparison: Comparison, *, first: bool) -> str:
    """Return one verdict. Only the `first` clause of a reference names it and explains the interval."""
    estimate = percent_of(comparison)
    assert estimate is not None
    subject = _subject(summary, comparison)
    than, to = (f" than {comparison.against}", f" to {comparison.against}") if first else ("", "")
    if comparison.verdict == "equivalent":
        return f"{subject} is equivalent{to}{within(design)}: {difference(estimate, named=first)}"
    if comparison.verdict == "undecided":
        interval = difference(estimate, named=first) + deciding(summary)
        return f"whether {subject} is faster or slower{than} is undecided: {interval}"
    us = _us_phrase(comparison, summary.arms[comparison.against], whole=first)
    return f"{subject} is {comparison.verdict}{than} {by(estimate, named=first)}{us}"


def _subject(summary: Summary, comparison: Comparison) -> str:
    """Return the arm's name, after a description of its hop if it differs in nothing else."""
    mine, other = (summary.arms[name].settings for name in (comparison.arm, comparison.against))
    differing = {key for key in mine | other if mine.get(key) != other.get(key)}
    hop = HOPS.get(str(mine.get("transport")))
    return f"{hop} ({comparison.arm})" if hop and differing == {"transport"} else comparison.arm


def _us_phrase(comparison: Comparison, reference: ArmSummary, *, whole: bool) -> str:
    us = us_of(comparison)
    if us is None:
        return ""
    amount = f", {interval_numbers(us, 0)[0].lstrip('+-')} us"
    typical_us = reference.p50_us or reference.mean_us  # stolen time is in the mean, not in the difference
    if typical_us is None or not whole:
        return amount
    joint = "of" if us.value < 0 else "on top of"
    return f"{amount} {joint} {rounded(typical_us, 3)} us per request"


def _without_verdict(comparisons: Sequence[Comparison]) -> Iterator[str]:
    left = [c for c in comparisons if not has_verdict(c)]
    for (against, why), group in groupby(left, lambda c: (c.against, c.why.rstrip("."))):
        reason = f": {why}" if why else ""
        yield f"no verdict on {listed([c.arm for c in group])} against {against}{reason}"


def _sentence(text: str, arm: str) -> str:
    """Return `text` as a sentence. A first word that is the arm's name keeps its small letter."""
    return f"{text if text.startswith(f'{arm} is ') else capitalized(text)}."
