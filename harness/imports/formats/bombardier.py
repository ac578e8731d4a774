"""Output of bombardier -o json: us; includes connect time; percentiles with -l only."""

from collections.abc import Iterator
from dataclasses import replace

from harness.imports.numbers import JsonObject, split_statuses
from harness.model import FormatMarks, ImportedRun, ImportFormat

MARKS = FormatMarks(keys=(("spec", "result.req2xx", "result.timeTakenSeconds"),))
RESOLUTION_US = 1.0
RATE_REMARK = "bombardier sent at a given rate (-r): its requests/s say nothing about the server."


def _read(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    report = JsonObject.parse(text)
    result, latency = report.object("result"), report.object("result", "latency")
    statuses = {name: result.count(f"req{name}", default=0) for name in ("1xx", "2xx", "3xx", "4xx", "5xx")}
    right, failures = split_statuses(statuses)
    unanswered, duration_s = result.count("others", default=0), result.number("timeTakenSeconds")
    percentiles = latency.object("percentiles") if latency.value("percentiles") else JsonObject({})
    is_rate_asked = bool(report.count("spec", "rate", default=0))
    yield replace(
        run,
        requests=right,
        failures=failures | {"no answer": unanswered},
        connections=report.count("spec", "numberOfConnections", default=0) or None,
        duration_s=duration_s or None,
        requests_per_s=(sum(statuses.values()) + unanswered) / duration_s or None if duration_s else None,
        is_rate_asked=is_rate_asked,
        mean_us=latency.number("mean") or None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us=percentiles.percentiles_us(1, {}, r"([\d.]+)") | {100.0: latency.number("max")},
        resolution_us=RESOLUTION_US,
        remarks=tuple(_remarks(result, unanswered, is_rate_asked)),
    )


def _remarks(result: JsonObject, unanswered: int, is_rate_asked: bool) -> Iterator[str]:
    if is_rate_asked:
        yield RATE_REMARK
    errors = sum(error.count("count") for error in result.objects("errors"))
    if errors > unanswered:
        yield f"It lists {errors} errors, but counts {unanswered} requests without an answer."


PLUGINS = {"bombardier": ImportFormat(__doc__, MARKS, _read)}
