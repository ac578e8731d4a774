"""JSON output of oha: exact s; includes connect time; excludes requests aborted at the deadline."""

from collections.abc import Iterator
from dataclasses import replace

from harness.imports.numbers import JsonObject, split_statuses
from harness.model import FormatMarks, ImportedRun, ImportFormat

MARKS = FormatMarks(keys=(("latencyPercentiles", "summary.requestsPerSec", "summary.average"),))
RESOLUTION_US = 0.001
END_OF_RUN = "aborted due to deadline"
EXTREMES = {"fastest": 0.0, "slowest": 100.0}


def _read(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    report = JsonObject.parse(text)
    statuses, errors = report.counts("statusCodeDistribution"), report.counts("errorDistribution")
    right, failures = split_statuses(statuses)
    duration_s, rate = report.number("summary", "total"), report.number("summary", "requestsPerSec")
    extremes_us = report.object("summary").percentiles_us(1e6, EXTREMES)
    between_us = report.object("latencyPercentiles").percentiles_us(1e6, {}, r"p([\d.]+)")
    yield replace(
        run,
        requests=right,
        failures=failures | {kind: count for kind, count in errors.items() if kind != END_OF_RUN},
        duration_s=duration_s or None,
        requests_per_s=rate or None,
        mean_us=1e6 * (report.number_or_none("summary", "average") or 0) or None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us=dict(sorted((extremes_us | between_us).items())),
        resolution_us=RESOLUTION_US,
        remarks=_remarks(rate, duration_s, sum(statuses.values()) + sum(errors.values())),
    )


def _remarks(rate: float, duration_s: float, listed: int) -> tuple[str, ...]:
    """Compare the listed requests with the rate, which counts all started requests."""
    started = rate * duration_s
    if abs(started - listed) <= 0.5 + 0.001 * started:
        return ()
    return (f"{rate:g} requests/s in {duration_s:g} s are {started:.0f} requests, but it lists {listed}.",)


PLUGINS = {"oha": ImportFormat(__doc__, MARKS, _read, rate_option="-q")}
