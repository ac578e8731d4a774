"""File of k6 run --summary-export, or handleSummary's data: exact ms; excludes connect time."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from harness.imports.consistency import rate_contradiction
from harness.imports.numbers import JsonObject
from harness.model import FormatMarks, ImportedRun, ImportFormat

MARKS = FormatMarks(keys=(("metrics.http_reqs",), ("results.metrics", "version")))
RESOLUTION_US = 0.001
IDLE_SHARE = 0.5
SLEEPING_SHARE = 0.1
UNKNOWN_FAILURES = "It has no http_req_failed, so failed requests count as answered correctly."
NAMES = {"min": 0.0, "med": 50.0, "max": 100.0}
PERCENTILE = r"p\(?(\d+(?:\.\d+)?)\)?"  # the machine-readable summary has no brackets
NOTHING = JsonObject({})


def percentiles_us(trend: JsonObject) -> dict[float, float]:
    """Return the percentiles of a trend of k6, which is in ms."""
    return trend.percentiles_us(1000, NAMES, PERCENTILE)


def _read(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    report = JsonObject.parse(text)
    metrics = _metrics(report)
    counter, trend = metrics.get("http_reqs", NOTHING), metrics.get("http_req_duration", NOTHING)
    requests, rate = counter.count("count"), counter.number("rate")
    failed, users = _failed(metrics, requests), metrics.get("vus", NOTHING).number_or_none("max")
    parsed = replace(
        run,
        requests=requests - failed,
        failures={"failed": failed},
        connections=int(users) if users else None,
        duration_s=requests / rate if rate else None,
        requests_per_s=rate or None,
        is_rate_asked=_is_rate_asked(metrics, users),
        mean_us=1000 * (trend.number_or_none("avg") or 0) or None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us=percentiles_us(trend),
        resolution_us=RESOLUTION_US,
    )
    unknown = () if "http_req_failed" in metrics else (UNKNOWN_FAILURES,)
    ran_s = (report.number_or_none("state", "testRunDurationMs") or 0) / 1000
    yield replace(parsed, remarks=(*unknown, *_remarks(parsed, ran_s, requests)))


def _metrics(report: JsonObject) -> dict[str, JsonObject]:
    """Return the values of each metric by name, from any form of summary."""
    listed = {metric.value("name"): metric for metric in report.objects("results", "metrics")}
    if not all(isinstance(name, str) for name in listed):
        raise ValueError("results.metrics has a metric without a name. Give the file that k6 wrote.")
    named = report.object("metrics") if report.value("metrics") else NOTHING
    metrics = {name: named.object(name) for name in named.content} | listed
    contents = metrics.get("http_req_duration", NOTHING).value("contains") or "time"
    if contents != "time":
        raise ValueError(f"http_req_duration contains {contents!r}, not times in ms. Give the file that k6 wrote.")
    return {name: metric.object("values") if metric.value("values") else metric for name, metric in metrics.items()}


def _failed(metrics: Mapping[str, JsonObject], requests: int) -> int:
    """Return the failed requests: `passes`, or `matches`, count those for which "failed" is true."""
    if "http_req_failed" not in metrics:
        return 0
    rate = metrics["http_req_failed"]
    if "matches" in rate.content:
        failed = rate.count("matches", default=0)
        others = rate.count("total", default=0) - failed
    else:
        failed, others = rate.count("passes", default=0), rate.count("fails", default=0)
    if failed + others != requests:
        raise ValueError(f"it counts {requests} requests, but {failed} failed and {others} did not. Measure again.")
    return failed


def _is_rate_asked(metrics: Mapping[str, JsonObject], users: float | None) -> bool:
    """Return whether k6 sent at a given rate: then it drops iterations, or users wait between them."""
    if "dropped_iterations" in metrics:
        return True
    rate = metrics.get("iterations", NOTHING).number_or_none("rate")
    mean_ms = metrics.get("iteration_duration", NOTHING).number_or_none("avg")
    if rate is None or mean_ms is None or users is None:
        return False
    return rate * mean_ms / 1000 < IDLE_SHARE * users


def _remarks(run: ImportedRun, ran_s: float, requests: int) -> Iterator[str]:
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
    if ran_s:
        yield from rate_contradiction(replace(run, duration_s=ran_s), requests)


PLUGINS = {"k6": ImportFormat(__doc__, MARKS, _read)}
