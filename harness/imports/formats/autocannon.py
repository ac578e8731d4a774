"""Output of autocannon --json: whole ms; excludes connect time."""

from collections.abc import Iterator
from dataclasses import replace

from harness.imports.numbers import JsonObject, split_statuses
from harness.model import FormatMarks, ImportedRun, ImportFormat

MARKS = FormatMarks(keys=(("latency.p99", "requests.average", "2xx"),))
MEAN_RESOLUTION_US = 10.0  # two digits after the point of milliseconds
RESOLUTION_US = 1000.0
EXTREMES = {"min": 0.0, "max": 100.0}
PERCENTILE = r"p(\d+(?:_\d+)?)"  # p97_5 is the 97.5th


def _read(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    report = JsonObject.parse(text)
    answers = {name: report.count(name, default=0) for name in ("1xx", "2xx", "3xx", "4xx", "5xx")}
    right, failures = split_statuses(answers)
    timeouts = report.count("timeouts", default=0)
    silent = max(report.count("errors", default=0) - timeouts, 0)  # the errors include the timeouts
    pipelining, duration_s = report.count("pipelining", default=1), report.number("duration")
    streams = f"Each connection had {pipelining} requests in flight at once (pipelining)."
    yield replace(
        run,
        requests=right,
        failures=failures | {"timeout": timeouts, "no answer": silent},
        connections=report.count("connections", default=0) * (pipelining or 1) or None,
        duration_s=duration_s or None,
        requests_per_s=sum(answers.values()) / duration_s or None if duration_s else None,
        mean_us=1000 * (report.number_or_none("latency", "average") or 0) or None,
        mean_resolution_us=MEAN_RESOLUTION_US,
        percentiles_us=report.object("latency").percentiles_us(1000, EXTREMES, PERCENTILE),
        resolution_us=RESOLUTION_US,
        remarks=(streams,) if pipelining > 1 else (),
    )


PLUGINS = {"autocannon": ImportFormat(__doc__, MARKS, _read, rate_option="-R")}
