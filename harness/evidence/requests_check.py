"""Checks that a table of single requests fits the record of its session."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.experiment.limits import CLIENT
from harness.experiment.plan_check import shown
from harness.model import Experiment, Record, VisitRow

if TYPE_CHECKING:
    from polars import DataFrame

Counts = dict[tuple[int, int, str], tuple[int, float]]  # requests and their mean in us, by round, order and arm

SESSION_SLACK_S = 1.0
MEAN_TOLERANCE = 1e-3  # earlier versions may have rounded means


def requests_problems(requests: "DataFrame", record: Record, experiment: Experiment) -> Iterator[str]:
    """Yield a phrase for each reason why `requests` cannot be those of `record`."""
    if sum(requests.null_count().row(0)):
        yield "has empty cells"
        return
    counts = _count_and_mean(requests)
    visits = {(visit.round, visit.order, visit.arm): visit for visit in record.visits}
    if unknown := counts.keys() - visits.keys():
        round_, order, arm = min(unknown)
        yield f"has requests of a visit that its record does not have: round {round_}, place {order}, {shown(arm)}"
    own_arms = {arm.name for arm in experiment.arms if arm.settings.tool == CLIENT and not arm.settings.p99_limit_ms}
    yield from _count_problems(visits, counts, own_arms)
    yield from _request_time_problems(requests, record, own_arms)


def _count_and_mean(requests: "DataFrame") -> Counts:
    import polars

    time_us = (polars.col("latency_ns") + polars.col("late_ns")) / 1000
    rows = requests.group_by("round", "order", "arm").agg(polars.len(), time_us.mean().alias("mean_us")).rows()
    return {(round_, order, arm): (count, mean_us) for round_, order, arm, count, mean_us in rows}


def _count_problems(visits: dict[tuple[int, int, str], VisitRow], counts: Counts, own_arms: set[str]) -> Iterator[str]:
    """Compare counts and means. Some load tools, and the search for a capacity, write no single times."""
    for key, visit in visits.items():
        count, mean_us = counts.get(key, (0, 0.0))
        if count != visit.requests and (count or visit.arm in own_arms):
            yield (
                f"has {count} requests in round {visit.round} of {shown(visit.arm)}, "
                f"where its record has {shown(visit.requests)}"
            )
            return
        if count and visit.arm in own_arms and visit.mean_us and abs(mean_us / visit.mean_us - 1) > MEAN_TOLERANCE:
            yield (
                f"has a mean of {mean_us:.1f} us in round {visit.round} of {shown(visit.arm)}, "
                f"where its record has {visit.mean_us:.1f} us"
            )
            return


def _request_time_problems(requests: "DataFrame", record: Record, own_arms: set[str]) -> Iterator[str]:
    """Yield the first time that is not above 0, or longer than the session; the coarse clock of a tool may show 0."""
    import polars

    min_ns = polars.when(polars.col("arm").is_in(list(own_arms))).then(1).otherwise(0)
    max_ns = int((record.seconds["total"] + SESSION_SLACK_S) * 1e9)
    latency = polars.col("latency_ns")
    wrong = requests.filter((latency < min_ns) | (latency > max_ns) | (polars.col("late_ns").abs() > max_ns))
    if wrong.height:
        first = wrong.row(0, named=True)
        yield f"has a time that cannot be: {first['latency_ns']} ns in round {first['round']} of {shown(first['arm'])}"
