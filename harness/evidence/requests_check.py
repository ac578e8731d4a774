"""Why a table of single requests cannot be that of a session's record."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.experiment.limits import CLIENT
from harness.experiment.plan_check import shown
from harness.model import Experiment, Record, VisitRow

if TYPE_CHECKING:
    from polars import DataFrame

Counts = dict[tuple[int, int, str], tuple[int, float]]  # requests and their mean in us, by round, order and arm

SLACK_S = 1.0
TOLERANCE = 1e-3  # earlier versions may have rounded means


def requests_problems(requests: "DataFrame", record: Record, experiment: Experiment) -> Iterator[str]:
    """Yield a phrase for each reason why `requests` are not those of `record`."""
    if sum(requests.null_count().row(0)):
        yield "has empty cells"
        return
    counts = _counts(requests)
    visits = {(visit.round, visit.order, visit.arm): visit for visit in record.visits}
    if unknown := counts.keys() - visits.keys():
        round_, order, arm = min(unknown)
        yield f"has requests of a visit that its record does not have: round {round_}, place {order}, {shown(arm)}"
    ours = {arm.name for arm in experiment.arms if arm.settings.tool == CLIENT and not arm.settings.p99_limit_ms}
    yield from _count_problems(visits, counts, ours)
    yield from _time_problems(requests, record, ours)


def _counts(requests: "DataFrame") -> Counts:
    import polars

    time_us = (polars.col("latency_ns") + polars.col("late_ns")) / 1000
    rows = requests.group_by("round", "order", "arm").agg(polars.len(), time_us.mean().alias("mean_us")).rows()
    return {(round_, order, arm): (count, mean_us) for round_, order, arm, count, mean_us in rows}


def _count_problems(visits: dict[tuple[int, int, str], VisitRow], counts: Counts, ours: set[str]) -> Iterator[str]:
    """A tool may have kept the single times to itself, and so does the search for a capacity."""
    for place, visit in visits.items():
        count, mean_us = counts.get(place, (0, 0.0))
        if count != visit.requests and (count or visit.arm in ours):
            yield (
                f"has {count} requests in round {visit.round} of {shown(visit.arm)}, "
                f"where its record has {shown(visit.requests)}"
            )
            return
        if count and visit.arm in ours and visit.mean_us and abs(mean_us / visit.mean_us - 1) > TOLERANCE:
            yield (
                f"has a mean of {mean_us:.1f} us in round {visit.round} of {shown(visit.arm)}, "
                f"where its record has {visit.mean_us:.1f} us"
            )
            return


def _time_problems(requests: "DataFrame", record: Record, ours: set[str]) -> Iterator[str]:
    """No request takes no time, or longer than the session; a tool's clock may be too coarse to see a time."""
    import polars

    least = polars.when(polars.col("arm").is_in(list(ours))).then(1).otherwise(0)
    most_ns = int((record.seconds["total"] + SLACK_S) * 1e9)
    latency = polars.col("latency_ns")
    wrong = requests.filter((latency < least) | (latency > most_ns) | (polars.col("late_ns").abs() > most_ns))
    if wrong.height:
        first = wrong.row(0, named=True)
        yield f"has a time that cannot be: {first['latency_ns']} ns in round {first['round']} of {shown(first['arm'])}"
