"""The section on slow requests: high percentiles of each arm, and how they differ."""

from collections.abc import Iterator, Sequence

from harness.model import Amount, Summary, Tail
from harness.report.sheet import ABSENT, Cell, Row, Section, Sheet, difference_cells, section
from harness.report.wording import by, counted, difference, percent_of

PERCENTILES = {"p90": 90.0, "p99": 99.0, "p999": 99.9}
FEW = 3  # differences of a percentile that are told in words
HIDDEN = "A percentile is shown where every session has at least 10 requests beyond it."


def tail_sections(summary: Summary, *, beyond_p90: bool = False) -> list[Section]:
    """None where nothing can be shown; `beyond_p90`: none where only p90 can."""
    shown = [name for name in PERCENTILES if any(name in arm.tails for arm in summary.arms.values())]
    if not shown or (beyond_p90 and shown == ["p90"]):
        return []
    sheets = [_levels(summary, shown), *([_differences(summary.tails)] if summary.tails else [])]
    return [section("The slow requests", [*_sentences(summary), HIDDEN], sheets)]


def _levels(summary: Summary, shown: Sequence[str]) -> Sheet:
    header = ("ms, 95 % interval", *(f"p{PERCENTILES[name]:g}" for name in shown))
    rows = [((arm, ""), *(_ms(of.tails.get(name)) for name in shown)) for arm, of in summary.arms.items() if of.tails]
    return Sheet("Where they begin: the mean over sessions", header, rows)


def _ms(us: Amount | None) -> Cell:
    if us is None:
        return ABSENT, ""
    value = f"{us.value / 1000:.3f}"
    return (value, "") if us.low is None or us.high is None else (value, f"{us.low / 1000:.3f} to {us.high / 1000:.3f}")


def _differences(found: Sequence[Tail]) -> Sheet:
    header = ("arm", "difference\n95 % interval", "us\n95 % interval", "verdict")
    return Sheet("How the percentiles of a session differ", header, [_row(one) for one in found])


def _row(one: Tail) -> Row:
    return (f"{one.arm}, p{one.percentile:g}", ""), *difference_cells(one)


def _sentences(summary: Summary) -> Iterator[str]:
    """Percentile by percentile, but for the controls."""
    asked = [one for one in summary.tails if summary.arms[one.arm].control_of is None]
    for percentile in dict.fromkeys(one.percentile for one in asked):
        same = [one for one in asked if one.percentile == percentile]
        told = [_verdict(one) for one in same] if len(same) <= FEW else _counts(same)
        yield f"p{percentile:g}: {'; '.join(told)}."


def _verdict(one: Tail) -> str:
    estimate = percent_of(one)
    if one.verdict is None or estimate is None:
        return f"no verdict on {one.arm} against {one.against}: {one.why.rstrip('.')}"
    if one.verdict in ("faster", "slower"):
        return f"{one.arm} is {one.verdict} than {one.against} {by(estimate)}"
    joint = "equivalent to" if one.verdict == "equivalent" else "undecided against"
    return f"{one.arm} is {joint} {one.against}, {difference(estimate)}"


def _counts(same: Sequence[Tail]) -> list[str]:
    verdicts = [one.verdict or "without verdict" for one in same]
    return [
        f"of {counted(len(same), 'comparison')} "
        + ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    ]
