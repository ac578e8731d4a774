"""What k6 run --summary-export writes, or handleSummary's data: milliseconds as they are, connecting not included."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from harness.model import Foreign, Reader

RESOLUTION_US = 0.001
Time = Annotated[float, Field(ge=0)]


class Summary(BaseModel):
    """Both shapes: a metric is its values, or has them under `values`."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    metrics: dict[str, dict[str, Any]]
    state: dict[str, Any] = Field(default_factory=dict)


class Counted(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    count: Annotated[int, Field(ge=0)]
    rate: Annotated[float, Field(ge=0)]


class Failed(BaseModel):
    """A rate of k6: `passes` are those for which "failed" is true."""

    model_config = ConfigDict(strict=True)

    passes: Annotated[int, Field(ge=0)] = 0
    fails: Annotated[int, Field(ge=0)] = 0


class Times(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
    __pydantic_extra__: dict[str, Time]

    avg: Time | None = None
    min: Time | None = None
    med: Time | None = None
    max: Time | None = None


def _recognises(text: str) -> bool:
    return text.lstrip().startswith("{") and '"http_req_duration"' in text and '"http_reqs"' in text


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    summary = Summary.model_validate_json(text)
    metrics = {name: metric.get("values", metric) for name, metric in summary.metrics.items()}
    requests = Counted.model_validate(metrics.get("http_reqs"))
    times = Times.model_validate(_in_ms(summary.metrics.get("http_req_duration", {}), metrics))
    failed = Failed.model_validate(metrics.get("http_req_failed", {}))
    if "http_req_failed" in metrics and failed.passes + failed.fails != requests.count:
        raise ValueError(
            f"it counts {requests.count} requests, but {failed.passes} failed and {failed.fails} not. Measure again."
        )
    users = metrics.get("vus", {}).get("max")
    return [
        replace(
            run,
            requests=requests.count - failed.passes,
            failures={"failed": failed.passes} if failed.passes else {},
            connections=users if isinstance(users, int) and users else None,
            duration_s=requests.count / requests.rate if requests.rate else None,
            requests_per_s=requests.rate or None,
            mean_us=1000 * times.avg if times.avg else None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us=_percentiles_us(times),
            resolution_us=RESOLUTION_US,
            remarks=_remarks(summary, requests),
        )
    ]


def _in_ms(metric: dict[str, Any], metrics: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if metric.get("contains", "time") != "time":
        raise ValueError(
            f"http_req_duration contains {metric['contains']!r}, not times in milliseconds. Give k6's own."
        )
    return {name: value for name, value in metrics["http_req_duration"].items() if _statistic(name)}


def _statistic(name: str) -> bool:
    return name in ("avg", "min", "med", "max") or bool(re.fullmatch(r"p\([\d.]+\)", name))


def _percentiles_us(times: Times) -> dict[float, float]:
    between = {float(name[2:-1]): ms for name, ms in (times.model_extra or {}).items()}
    known = {0.0: times.min, 50.0: times.med, **between, 100.0: times.max}
    return {percent: 1000 * ms for percent, ms in sorted(known.items()) if ms is not None}


def _remarks(summary: Summary, requests: Counted) -> tuple[str, ...]:
    ran_ms = summary.state.get("testRunDurationMs")
    if not ran_ms or not requests.rate or abs(1000 * requests.count / ran_ms / requests.rate - 1) < 0.01:
        return ()
    return (f"{requests.count} requests in {ran_ms / 1000:g} s are not {requests.rate:g} requests/s.",)


PLUGIN = Reader(recognises=_recognises, read=_read)
