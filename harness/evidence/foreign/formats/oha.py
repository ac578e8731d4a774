"""What oha writes as JSON: seconds as they are, connecting included; what the end of a run by time cut off is left."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from harness.model import Foreign, Marks, Reader
from harness.model.lenient import Count, Number

RESOLUTION_US = 0.001
END_OF_RUN = "aborted due to deadline"


class Figures(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, alias_generator=to_camel)

    total: Number
    slowest: Number | None
    fastest: Number | None
    average: Number | None
    requests_per_sec: Number


class Report(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, alias_generator=to_camel)

    summary: Figures
    latency_percentiles: dict[str, Number | None]
    status_code_distribution: dict[str, Count]
    error_distribution: dict[str, Count]


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    report = Report.model_validate_json(text)
    statuses, errors, figures = report.status_code_distribution, report.error_distribution, report.summary
    failures = {f"status {code}": count for code, count in statuses.items() if not code.startswith("2")}
    failures |= {kind: count for kind, count in errors.items() if kind != END_OF_RUN}
    percentiles_s = {0.0: figures.fastest, 100.0: figures.slowest}
    percentiles_s |= {float(name.removeprefix("p")): time for name, time in report.latency_percentiles.items()}
    return [
        replace(
            run,
            requests=sum(count for code, count in statuses.items() if code.startswith("2")),
            failures={kind: count for kind, count in failures.items() if count},
            duration_s=figures.total or None,
            requests_per_s=figures.requests_per_sec or None,
            mean_us=1e6 * figures.average if figures.average else None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us={percent: 1e6 * time for percent, time in sorted(percentiles_s.items()) if time is not None},
            resolution_us=RESOLUTION_US,
            remarks=_remarks(figures, sum(statuses.values()) + sum(errors.values())),
        )
    ]


def _remarks(figures: Figures, seen: int) -> tuple[str, ...]:
    """oha's rate counts everything it began."""
    begun = figures.requests_per_sec * figures.total
    if abs(begun - seen) <= 0.5 + 0.001 * begun:
        return ()
    return (f"{figures.requests_per_sec:g} requests/s in {figures.total:g} s are {begun:.0f}, but it tells of {seen}.",)


PLUGIN = Reader(Marks(keys=(("latencyPercentiles", "summary.requestsPerSec"),)), _read, rate_option="-q")
