"""Output of autocannon --json: whole ms; excludes connect time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.imports.numbers import Count, Number
from harness.model import FormatMarks, ImportedRun, ImportFormat

MEAN_RESOLUTION_US = 10.0  # two digits after the point of milliseconds
RESOLUTION_US = 1000.0
PERCENTILE = re.compile(r"p(\d+(?:_\d+)?)")  # p97_5 is the 97.5th


class AutocannonReport(BaseModel):
    """The JSON document of autocannon."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    connections: Count | None = None
    pipelining: Count | None = None
    duration: Number
    errors: Count = 0
    timeouts: Count = 0
    answered_1xx: Count = Field(0, alias="1xx")
    answered_2xx: Count = Field(alias="2xx")
    answered_3xx: Count = Field(0, alias="3xx")
    answered_4xx: Count = Field(0, alias="4xx")
    answered_5xx: Count = Field(0, alias="5xx")
    latency: dict[str, Any]

    def failures(self) -> dict[str, int]:
        """Return the failures by kind; autocannon's errors include its timeouts."""
        counts = {
            "status 1xx": self.answered_1xx,
            "status 3xx": self.answered_3xx,
            "status 4xx": self.answered_4xx,
            "status 5xx": self.answered_5xx,
            "timeout": self.timeouts,
            "no answer": max(self.errors - self.timeouts, 0),
        }
        return {kind: count for kind, count in counts.items() if count}

    def answers(self) -> int:
        """Return the number of answers of any status."""
        classes = (self.answered_1xx, self.answered_2xx, self.answered_3xx, self.answered_4xx, self.answered_5xx)
        return sum(classes)


class AutocannonTimes(BaseModel):
    """Times in ms; further fields are percentiles."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")
    __pydantic_extra__: dict[str, Number | None]

    average: Number | None = None
    min: Number | None = None
    max: Number | None = None


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    report = AutocannonReport.model_validate_json(text)
    times = AutocannonTimes.model_validate({name: ms for name, ms in report.latency.items() if _is_time(name)})
    in_flight = (report.connections or 0) * (report.pipelining or 1)
    parsed = replace(
        run,
        requests=report.answered_2xx,
        failures=report.failures(),
        connections=in_flight or None,
        duration_s=report.duration or None,
        requests_per_s=report.answers() / report.duration if report.answers() and report.duration else None,
        mean_us=1000 * times.average if times.average else None,
        mean_resolution_us=MEAN_RESOLUTION_US,
        percentiles_us=_percentiles_us(times),
        resolution_us=RESOLUTION_US,
    )
    return [replace(parsed, remarks=tuple(_remarks(report)))]


def _is_time(name: str) -> bool:
    return name in ("average", "min", "max") or bool(PERCENTILE.fullmatch(name))


def _percentiles_us(times: AutocannonTimes) -> dict[float, float]:
    """Return the percentiles; without any answer all are 0, and left out."""
    if not times.max:
        return {}
    between = {float(name[1:].replace("_", ".")): ms for name, ms in (times.model_extra or {}).items()}
    known = {0.0: times.min, **between, 100.0: times.max}
    return {percent: 1000 * ms for percent, ms in sorted(known.items()) if ms is not None}


def _remarks(report: AutocannonReport) -> Iterator[str]:
    if report.pipelining and report.pipelining > 1:
        yield f"Each connection had {report.pipelining} requests in flight at once (pipelining)."


PLUGINS = {
    "autocannon": ImportFormat(
        "Output of autocannon --json: whole ms; excludes connect time.",
        FormatMarks(keys=(("latency.p99", "requests.average", "2xx"),)),
        _read,
        rate_option="-R",
    )
}
