"""What k6 run --summary-export writes, or handleSummary's data: milliseconds as they are, connecting not included."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.model import Foreign, Marks, Reader
from harness.model.lenient import Count, Number

RESOLUTION_US = 0.001
IDLE = 0.5
SLEEPING = 0.1
UNKNOWN_FAILURES = "It has no http_req_failed, so that requests which failed count as answered right."
PERCENTILE = re.compile(r"p\(?([\d.]+)\)?")  # the summary for machines has no brackets
STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class Listed(BaseModel):
    name: str
    contains: str = "time"
    values: dict[str, Any]


class Results(BaseModel):
    metrics: list[Listed]


class Summary(BaseModel):
    """Every shape: a metric is its values, or has them under `values`; --new-machine-readable-summary makes a list."""

    model_config = STRICT

    metrics: dict[str, dict[str, Any]] = Field(default_factory=dict)
    results: Results | None = None
    state: dict[str, Any] = Field(default_factory=dict)

    def by_name(self) -> dict[str, dict[str, Any]]:
        listed = self.results.metrics if self.results else ()
        return self.metrics | {one.name: {"contains": one.contains, "values": one.values} for one in listed}


class Counted(BaseModel):
    model_config = STRICT

    count: Count
    rate: Number


class Failed(BaseModel):
    """A rate of k6: `passes`, or `matches`, are those for which "failed" is true."""

    model_config = STRICT

    passes: Count = 0
    fails: Count = 0


class Times(BaseModel):
    """A trend; all are null where no request was answered."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
    __pydantic_extra__: dict[str, Number | None]

    avg: Number | None = None
    min: Number | None = None
    med: Number | None = None
    max: Number | None = None


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    summary = Summary.model_validate_json(text)
    return [_run(run, summary, summary.by_name())]


def _run(run: Foreign, summary: Summary, named: Mapping[str, dict[str, Any]]) -> Foreign:
    metrics = {name: metric.get("values", metric) for name, metric in named.items()}
    requests = Counted.model_validate(metrics.get("http_reqs"))
    times = Times.model_validate(_in_ms(named.get("http_req_duration", {})))
    failed = _failed(metrics, requests.count)
    users = metrics.get("vus", {}).get("max")
    found = replace(
        run,
        requests=requests.count - failed,
        failures={"failed": failed} if failed else {},
        connections=int(users) if isinstance(users, int | float) and users else None,
        duration_s=requests.count / requests.rate if requests.rate else None,
        requests_per_s=requests.rate or None,
        is_rate_asked=_is_rate_asked(metrics, users),
        mean_us=1000 * times.avg if times.avg else None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us=_percentiles_us(times) if times.max else {},
        resolution_us=RESOLUTION_US,
    )
    unknown = () if "http_req_failed" in metrics else (UNKNOWN_FAILURES,)
    return replace(found, remarks=(*unknown, *_remarks(found, summary, requests)))


def _failed(metrics: Mapping[str, dict[str, Any]], requests: int) -> int:
    values = metrics.get("http_req_failed")
    if values is None:
        return 0
    if "matches" in values:
        values = {"passes": values["matches"], "fails": (values.get("total") or 0) - (values["matches"] or 0)}
    failed = Failed.model_validate(values)
    if failed.passes + failed.fails != requests:
        raise ValueError(
            f"it counts {requests} requests, but {failed.passes} failed and {failed.fails} not. Measure again."
        )
    return failed.passes


def _is_rate_asked(metrics: Mapping[str, dict[str, Any]], users: Any) -> bool:
    """Only executors of an arrival rate drop iterations; without one, users iterate all the time."""
    if "dropped_iterations" in metrics:
        return True
    rate, avg_ms = metrics.get("iterations", {}).get("rate"), metrics.get("iteration_duration", {}).get("avg")
    if not (isinstance(rate, int | float) and isinstance(avg_ms, int | float) and isinstance(users, int | float)):
        return False
    return rate * avg_ms / 1000 < IDLE * users


def _in_ms(metric: dict[str, Any]) -> dict[str, Any]:
    if metric.get("contains", "time") != "time":
        raise ValueError(
            f"http_req_duration contains {metric['contains']!r}, not times in milliseconds. Give k6's own."
        )
    return {name: value for name, value in metric.get("values", metric).items() if _is_statistic(name)}


def _is_statistic(name: str) -> bool:
    return name in ("avg", "min", "med", "max") or bool(PERCENTILE.fullmatch(name))


def _percentiles_us(times: Times) -> dict[float, float]:
    between = {float(PERCENTILE.sub(r"\1", name)): ms for name, ms in (times.model_extra or {}).items()}
    known = {0.0: times.min, 50.0: times.med, **between, 100.0: times.max}
    return {percent: 1000 * ms for percent, ms in sorted(known.items()) if ms is not None}


def _remarks(run: Foreign, summary: Summary, requests: Counted) -> Iterator[str]:
    if run.is_rate_asked:
        yield (
            "Its users waited between iterations, as k6 makes them for an arrival rate that it was asked for: its "
            "requests/s say nothing of the server."
        )
    elif run.connections and run.requests_per_s and run.mean_us:
        waiting = run.requests_per_s * run.mean_us / 1e6
        if waiting < SLEEPING * run.connections:
            yield (
                f"Of {run.connections} users only {waiting:.3f} waited for an answer on average: where the script "
                "sleeps, its requests/s say nothing of the server."
            )
    ran_ms = summary.state.get("testRunDurationMs")
    if ran_ms and requests.rate and abs(1000 * requests.count / ran_ms / requests.rate - 1) >= 0.01:
        yield f"{requests.count} requests in {ran_ms / 1000:g} s are not {requests.rate:g} requests/s."


PLUGIN = Reader(Marks(keys=(("metrics.http_reqs",), ("results.metrics", "version"))), _read)
