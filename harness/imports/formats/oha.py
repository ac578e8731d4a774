"""JSON output of oha: exact s; includes connect time; excludes requests aborted at the deadline."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from harness.imports.numbers import Count, Number
from harness.model import FormatMarks, ImportedRun, ImportFormat

RESOLUTION_US = 0.001
END_OF_RUN = "aborted due to deadline"


class OhaSummary(BaseModel):
    """The numbers of the whole run, times in seconds."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, alias_generator=to_camel)

    total: Number
    slowest: Number | None
    fastest: Number | None
    average: Number | None
    requests_per_sec: Number


class OhaReport(BaseModel):
    """The JSON document of oha."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, alias_generator=to_camel)

    summary: OhaSummary
    latency_percentiles: dict[str, Number | None]
    status_code_distribution: dict[str, Count]
    error_distribution: dict[str, Count]


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    report = OhaReport.model_validate_json(text)
    statuses, errors, summary = report.status_code_distribution, report.error_distribution, report.summary
    failures = {f"status {code}": count for code, count in statuses.items() if not code.startswith("2")}
    failures |= {kind: count for kind, count in errors.items() if kind != END_OF_RUN}
    percentiles_s = {0.0: summary.fastest, 100.0: summary.slowest}
    percentiles_s |= {float(name.removeprefix("p")): time for name, time in report.latency_percentiles.items()}
    return [
        replace(
            run,
            requests=sum(count for code, count in statuses.items() if code.startswith("2")),
            failures={kind: count for kind, count in failures.items() if count},
            duration_s=summary.total or None,
            requests_per_s=summary.requests_per_sec or None,
            mean_us=1e6 * summary.average if summary.average else None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us={percent: 1e6 * time for percent, time in sorted(percentiles_s.items()) if time is not None},
            resolution_us=RESOLUTION_US,
            remarks=_remarks(summary, sum(statuses.values()) + sum(errors.values())),
        )
    ]


def _remarks(summary: OhaSummary, listed: int) -> tuple[str, ...]:
    """Compare the listed requests with the rate, which counts all started requests."""
    started = summary.requests_per_sec * summary.total
    if abs(started - listed) <= 0.5 + 0.001 * started:
        return ()
    rate = f"{summary.requests_per_sec:g} requests/s in {summary.total:g} s"
    return (f"{rate} are {started:.0f} requests, but it lists {listed}.",)


PLUGINS = {
    "oha": ImportFormat(
        "JSON output of oha: exact s; includes connect time; excludes requests aborted at the deadline.",
        FormatMarks(keys=(("latencyPercentiles", "summary.requestsPerSec"),)),
        _read,
        rate_option="-q",
    )
}
