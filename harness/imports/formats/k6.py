"""File of k6 run --summary-export, or handleSummary's data: exact ms; excludes connect time."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.imports.consistency import rate_contradiction
from harness.imports.numbers import Count, Number
from harness.model import FormatMarks, ImportedRun, ImportFormat

RESOLUTION_US = 0.001
IDLE_SHARE = 0.5
SLEEPING_SHARE = 0.1
UNKNOWN_FAILURES = "It has no http_req_failed, so failed requests count as answered correctly."
PERCENTILE = re.compile(r"p\(?([\d.]+)\)?")  # the machine-readable summary has no brackets
STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class K6Metric(BaseModel):
    """A metric of the machine-readable summary."""

    name: str
    contains: str = "time"
    values: dict[str, Any]


class K6Results(BaseModel):
    """The metrics of the machine-readable summary."""

    metrics: list[K6Metric]


class K6Summary(BaseModel):
    """Any form of summary: metrics by name, with values directly or under `values`; or a list of metrics."""

    model_config = STRICT

    metrics: dict[str, dict[str, Any]] = Field(default_factory=dict)
    results: K6Results | None = None
    state: dict[str, Any] = Field(default_factory=dict)

    def by_name(self) -> dict[str, dict[str, Any]]:
        """Return all metrics by name."""
        metrics = self.results.metrics if self.results else ()
        return self.metrics | {
            metric.name: {"contains": metric.contains, "values": metric.values} for metric in metrics
        }


class K6Counter(BaseModel):
    """A counter of k6."""

    model_config = STRICT

    count: Count
    rate: Number


class K6Rate(BaseModel):
    """A rate of k6: `passes`, or `matches`, count the requests for which "failed" is true."""

    model_config = STRICT

    passes: Count = 0
    fails: Count = 0


class K6Trend(BaseModel):
    """A trend of k6 in ms; all are null where no request was answered."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
    __pydantic_extra__: dict[str, Number | None]

    avg: Number | None = None
    min: Number | None = None
    med: Number | None = None
    max: Number | None = None

    def percentiles_us(self) -> dict[float, float]:
        """Return all percentiles, with the minimum and the maximum."""
        between = {float(PERCENTILE.sub(r"\1", name)): ms for name, ms in (self.model_extra or {}).items()}
        known = {0.0: self.min, 50.0: self.med, **between, 100.0: self.max}
        return {percent: 1000 * ms for percent, ms in sorted(known.items()) if ms is not None}


def parse_trend(statistics_ms: Mapping[str, Any]) -> K6Trend:
    """Return the statistics of times in ms, as k6 names them. Raise ValueError."""
    return K6Trend.model_validate({name: ms for name, ms in statistics_ms.items() if _is_statistic(name)})


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    summary = K6Summary.model_validate_json(text)
    return [_run(run, summary, summary.by_name())]


def _run(run: ImportedRun, summary: K6Summary, by_name: Mapping[str, dict[str, Any]]) -> ImportedRun:
    metrics = {name: metric.get("values", metric) for name, metric in by_name.items()}
    requests = K6Counter.model_validate(metrics.get("http_reqs"))
    times = parse_trend(_statistics_ms(by_name.get("http_req_duration", {})))
    failed = _failed(metrics, requests.count)
    users = metrics.get("vus", {}).get("max")
    parsed = replace(
        run,
        requests=requests.count - failed,
        failures={"failed": failed} if failed else {},
        connections=int(users) if isinstance(users, int | float) and users else None,
        duration_s=requests.count / requests.rate if requests.rate else None,
        requests_per_s=requests.rate or None,
        is_rate_asked=_is_rate_asked(metrics, users),
        mean_us=1000 * times.avg if times.avg else None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us=times.percentiles_us() if times.max else {},
        resolution_us=RESOLUTION_US,
    )
    unknown = () if "http_req_failed" in metrics else (UNKNOWN_FAILURES,)
    return replace(parsed, remarks=(*unknown, *_remarks(parsed, summary, requests)))


def _failed(metrics: Mapping[str, dict[str, Any]], requests: int) -> int:
    values = metrics.get("http_req_failed")
    if values is None:
        return 0
    if "matches" in values:
        values = {"passes": values["matches"], "fails": (values.get("total") or 0) - (values["matches"] or 0)}
    failed = K6Rate.model_validate(values)
    if failed.passes + failed.fails != requests:
        raise ValueError(
            f"it counts {requests} requests, but {failed.passes} failed and {failed.fails} did not. Measure again."
        )
    return failed.passes


def _is_rate_asked(metrics: Mapping[str, dict[str, Any]], users: Any) -> bool:
    """Return whether k6 sent at a given rate: then it drops iterations, or users wait between them."""
    if "dropped_iterations" in metrics:
        return True
    rate, avg_ms = metrics.get("iterations", {}).get("rate"), metrics.get("iteration_duration", {}).get("avg")
    if not (isinstance(rate, int | float) and isinstance(avg_ms, int | float) and isinstance(users, int | float)):
        return False
    return rate * avg_ms / 1000 < IDLE_SHARE * users


def _statistics_ms(metric: dict[str, Any]) -> dict[str, Any]:
    if metric.get("contains", "time") != "time":
        raise ValueError(
            f"http_req_duration contains {metric['contains']!r}, not times in ms. Give the file that k6 wrote."
        )
    statistics_ms: dict[str, Any] = metric.get("values", metric)
    return statistics_ms


def _is_statistic(name: str) -> bool:
    return name in ("avg", "min", "med", "max") or bool(PERCENTILE.fullmatch(name))


def _remarks(run: ImportedRun, summary: K6Summary, requests: K6Counter) -> Iterator[str]:
    if run.is_rate_asked:
        yield (
            "Its users waited between iterations, as they do at a given arrival rate: its requests/s say nothing about "
            "the server."
        )
    elif run.connections and run.in_flight and run.in_flight < SLEEPING_SHARE * run.connections:
        yield (
            f"Of {run.connections} users only {run.in_flight:.3f} waited for an answer on average: where the script "
            "sleeps, its requests/s say nothing about the server."
        )
    ran_ms = summary.state.get("testRunDurationMs")
    if ran_ms:
        yield from rate_contradiction(replace(run, duration_s=ran_ms / 1000), requests.count)


PLUGINS = {
    "k6": ImportFormat(
        "File of k6 run --summary-export, or handleSummary's data: exact ms; excludes connect time.",
        FormatMarks(keys=(("metrics.http_reqs",), ("results.metrics", "version"))),
        _read,
    )
}
