"""The section on tail latency: high percentiles of each arm, and their differences."""

from collections.abc import Iterator, Sequence

from harness.model import Amount, Summary, Tail
from harness.report.sheet import ABSENT, Cell, Row, Section, Sheet, difference_cells, section
from harness.report.wording import by, difference, percent_of, verdict_counts

PERCENTILES = {"p90": 90.0, "p99": 99.0, "p999": 99.9}
MAX_TAIL_SENTENCES = 3  # differences of a percentile in words; more are only counted
SHOWN_WHERE = "A percentile is shown if at least 10 requests of every session exceed it."


def tail_sections(summary: Summary, *, beyond_p90: bool = False) -> list[Section]:
    """Return the section if any percentile can be shown; `beyond_p90`: if more than p90 can."""
    names = [name for name in PERCENTILES if any(name in arm.tails for arm in summary.arms.values())]
    if not names or (beyond_p90 and names == ["p90"]):
        return []
    sheets = [_percentile_sheet(summary, names), *([_tail_difference_sheet(summary.tails)] if summary.tails else [])]
    return [section("Tail latency", [*_tail_sentences(summary), SHOWN_WHERE], sheets)]


def _percentile_sheet(summary: Summary, names: Sequence[str]) -> Sheet:
    header = ("ms, 95 % interval", *(f"p{PERCENTILES[name]:g}" for name in names))
    rows = [
        ((arm, ""), *(_percentile_cell(summary_of_arm.tails.get(name)) for name in names))
        for arm, summary_of_arm in summary.arms.items()
        if summary_of_arm.tails
    ]
    return Sheet("Percentiles: the mean over sessions", header, rows)


def _percentile_cell(us: Amount | None) -> Cell:
    if us is None:
        return ABSENT, ""
    value = f"{us.value / 1000:.3f}"
    return (value, "") if us.low is None or us.high is None else (value, f"{us.low / 1000:.3f} to {us.high / 1000:.3f}")


def _tail_difference_sheet(tails: Sequence[Tail]) -> Sheet:
    header = ("arm", "difference\n95 % interval", "us\n95 % interval", "verdict")
    return Sheet("Differences of the percentiles, session by session", header, [_tail_row(tail) for tail in tails])


def _tail_row(tail: Tail) -> Row:
    return (f"{tail.arm}, p{tail.percentile:g}", ""), *difference_cells(tail)


def _tail_sentences(summary: Summary) -> Iterator[str]:
    """Yield a sentence for each percentile, without the controls."""
    tails = [tail for tail in summary.tails if summary.arms[tail.arm].control_of is None]
    for percentile in dict.fromkeys(tail.percentile for tail in tails):
        same = [tail for tail in tails if tail.percentile == percentile]
        if len(same) <= MAX_TAIL_SENTENCES:
            yield f"p{percentile:g}: {'; '.join(map(_tail_verdict, same))}."
        else:
            yield f"p{percentile:g}: {verdict_counts([tail.verdict for tail in same], None)}."


def _tail_verdict(tail: Tail) -> str:
    estimate = percent_of(tail)
    if tail.verdict is None or estimate is None:
        return f"no verdict on {tail.arm} against {tail.against}: {tail.why.rstrip('.')}"
    if tail.verdict in ("faster", "slower"):
        return f"{tail.arm} is {tail.verdict} than {tail.against} {by(estimate)}"
    joint = "equivalent to" if tail.verdict == "equivalent" else "undecided against"
    return f"{tail.arm} is {joint} {tail.against}, {difference(estimate)}"
