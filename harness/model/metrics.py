"""The metrics that arms are compared by. All are times per request in us, so a negative difference is better."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Literal

from pydantic import AfterValidator

from harness.model.base import SERVER_ROLES, SERVICE_ROLE
from harness.model.experiment import EstimatorName
from harness.model.record import VisitRow

Centre = Literal["median", "middle third", "trimmed", "mean"]
SLOWEST_PARTS = 4  # of the requests of a visit, the slowest of 4 parts is left out of its typical time


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value per request of a visit, None if missing; `centre` says how a session's typical round is computed.

    Without `has_ratio` a value may be 0, so only differences are formed; with it, 0 was not measured. A quantity of a
    whole session has `of_session` instead of values by round.
    """

    name: str
    value: Callable[[VisitRow], float | None]
    centre: Centre = "trimmed"
    has_ratio: bool = False
    is_typical: bool = False  # its value and its centre are those of the run's estimator
    of_session: Callable[[Sequence[VisitRow]], float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Quantity):
    """A quantity that arms are compared by, and how reports name it.

    `lower` and `higher` are clauses on an arm with less or more of it than its reference; `opposed` explains why it may
    contradict the headline. `in_times` and `in_search`: whether runs with times, or searches for a capacity, compare
    it. `in_designs`: whether factors, screens and changes between runs do. `is_time`: send lag of the client may
    explain a difference. `is_optional`: it is shown only where it was measured. `is_rate`: reports show its
    inverse, a rate, so more is better. `is_counted`: its visits are the bursts under perf. `percentile`: it is that of
    the requests of a session, not of visits.
    """

    has_ratio: bool = True
    label: str
    title: str
    lower: str
    higher: str
    opposed: str = ""
    in_times: bool = True
    in_search: bool = False
    in_designs: bool = False
    is_headline: bool = False  # each run has exactly one of them
    is_time: bool = False
    is_optional: bool = False
    is_rate: bool = False
    is_counted: bool = False
    percentile: float | None = None

    @property
    def time_label(self) -> str:
        """Return what the time is called that is measured: a rate's own label is that of its inverse."""
        return f"time per request at {self.label}" if self.is_rate else self.label


@dataclass(frozen=True, slots=True)
class Estimator:
    """How the typical request of a session is estimated. The schedule of a run names it, so old results keep theirs.

    `value` is that of a visit, `centre` that of the rounds, `text` explains both. With `pools_controls` an arm is
    compared with its reference and with the control, which are the same arm; the effect is the mean of both
    comparisons. The mean of both arms in each round would not do: with skewed noise it shifts the typical round.
    """

    name: EstimatorName
    value: Callable[[VisitRow], float | None]
    centre: Centre
    pools_controls: bool
    text: str


def typical_time(times: Sequence[float]) -> float:
    """Return the mean without the slowest quarter, which has the stolen CPU time; `times` are not empty."""
    return fmean(sorted(times)[: len(times) - len(times) // SLOWEST_PARTS])


def _typical_us(visit: VisitRow) -> float | None:
    return visit.mean_us if visit.typical_us is None else visit.typical_us


CURRENT_ESTIMATOR = Estimator(
    name="middle third",
    value=_typical_us,
    centre="middle third",
    pools_controls=True,
    text="Ratio of two visits of a round, each the mean of its requests without the slowest quarter; the mean of the "
    "middle third of the rounds of a session, then the mean over sessions with Student's t. Where the reference has a "
    "control, an arm is compared with both, and the difference is the mean of the two. Negative is faster.",
)
OLDEST_ESTIMATOR: EstimatorName = "median of means"  # which every run can be analysed by
ESTIMATORS: Mapping[EstimatorName, Estimator] = {
    CURRENT_ESTIMATOR.name: CURRENT_ESTIMATOR,
    OLDEST_ESTIMATOR: Estimator(
        name=OLDEST_ESTIMATOR,
        value=lambda visit: visit.mean_us,
        centre="median",
        pools_controls=False,
        text="Ratio of two neighbouring visits: the median over the rounds of a session, then the mean over sessions "
        "with Student's t. Negative is faster.",
    ),
}


def _cpu_us(visit: VisitRow) -> float:
    cpu_us = 0.0
    for role in (*SERVER_ROLES, SERVICE_ROLE):
        cpu_us += visit.cpu_us.get(role, 0)
    return cpu_us


def _instructions(visit: VisitRow) -> float | None:
    counts = [visit.counters.get(f"{role}.instructions") for role in SERVER_ROLES]
    return sum(count for count in counts if count is not None) if any(counts) else None


def _interval_us(visit: VisitRow) -> float | None:
    """Return None for requests at a rate: their interval is that of the rate, not of the arm."""
    return None if visit.late_us is not None else visit.interval_us


def capacity_per_s(visits: Sequence[VisitRow]) -> float | None:
    """Return the geometric middle between the last rates that held and failed; None if no rate held.

    If every rate held, the highest one is a lower bound.
    """
    held = [visit.rate_per_s for visit in visits if visit.holds and visit.rate_per_s]
    failed = [visit.rate_per_s for visit in visits if visit.holds is False and visit.rate_per_s]
    if not held:
        return None
    return math.sqrt(max(held) * min(failed)) if failed else max(held)


def _capacity_us(visits: Sequence[VisitRow]) -> float | None:
    per_s = capacity_per_s(visits)
    return 1e6 / per_s if per_s else None


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="latency",
            value=CURRENT_ESTIMATOR.value,
            label="typical time per request",
            title="The typical request",
            lower="its typical request is faster",
            higher="its typical request is slower",
            centre=CURRENT_ESTIMATOR.centre,
            is_typical=True,
            in_designs=True,
            is_headline=True,
            is_time=True,
        ),
        Metric(
            name="capacity",
            value=lambda _: None,
            of_session=_capacity_us,
            label="capacity",
            title="Capacity",
            lower="its capacity is higher",
            higher="its capacity is lower",
            in_times=False,
            in_search=True,
            is_headline=True,
            is_rate=True,
        ),
        Metric(
            name="mean",
            value=lambda visit: visit.mean_us,
            label="mean time per request",
            title="Mean time per request",
            lower="its mean is faster",
            higher="its mean is slower",
            opposed=". A few very slow or fast requests cause that",
            is_time=True,
        ),
        # The trimmed mean of rounds, simulated: the median inherits the steps of a coarse clock (4 % off at steps of
        # 1 ms in bursts of 4 ms), the ratio of session totals inherits stolen CPU (an interval twice as wide). CPU time
        # that leaks into the next visit shrinks all three by the leaked share.
        Metric(
            name="cpu",
            value=_cpu_us,
            label="CPU time per request",
            title="CPU time per request (nginx + app)",
            lower="it takes less CPU time",
            higher="it takes more CPU time",
            in_search=True,
            in_designs=True,
            is_optional=True,
        ),
        Metric(
            name="throughput",
            value=_interval_us,
            label="time from one request to the next",
            title="Throughput (as time from one request to the next)",
            lower="its throughput is higher",
            higher="its throughput is lower",
            is_optional=True,
        ),
        Metric(
            name="instructions",
            value=_instructions,
            label="instructions per request",
            title="Instructions per request (nginx + app)",
            lower="it executes fewer instructions",
            higher="it executes more instructions",
            centre="mean",
            in_times=False,
            is_optional=True,
            is_counted=True,
        ),
        Metric(
            name="p99",
            value=lambda _: None,
            label="p99",
            title="The slowest hundredth of requests (p99)",
            lower="its p99 is lower",
            higher="its p99 is higher",
            centre="mean",
            in_times=False,
            is_optional=True,
            percentile=99.0,
        ),
    )
}
HEADLINE_METRICS = tuple(name for name, metric in METRICS.items() if metric.is_headline)
DESIGN_METRICS = tuple(name for name, metric in METRICS.items() if metric.in_designs)
TIME_RUN_METRICS = tuple(name for name, metric in METRICS.items() if metric.in_times)
GATE_METRICS = (*DESIGN_METRICS, *(name for name, metric in METRICS.items() if metric.is_counted or metric.percentile))
SEARCH_METRICS = tuple(name for name, metric in METRICS.items() if metric.in_search)


def _check_name(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"there is no metric {name!r}")
    return name


MetricName = Annotated[str, AfterValidator(_check_name)]
