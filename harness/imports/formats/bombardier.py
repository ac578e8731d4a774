"""Output of bombardier -o json: us; includes connect time; percentiles with -l only."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from harness.imports.numbers import Count, Number
from harness.model import FormatMarks, ImportedRun, ImportFormat

RESOLUTION_US = 1.0
CONFIG = ConfigDict(strict=True, allow_inf_nan=False, populate_by_name=True)
CLASSES = ("1xx", "3xx", "4xx", "5xx")
RATE_REMARK = "bombardier sent at a given rate (-r): its requests/s say nothing about the server."


class BombardierSpec(BaseModel):
    """The options of the run."""

    model_config = CONFIG

    connections: Count | None = Field(None, alias="numberOfConnections")
    rate: Count | None = None


class BombardierTimes(BaseModel):
    """Times in us."""

    model_config = CONFIG

    mean: Number
    max: Number
    percentiles: dict[str, Number] = Field(default_factory=dict)


class BombardierError(BaseModel):
    """A kind of error and its number."""

    description: str
    count: Count


class BombardierResult(BaseModel):
    """The numbers of the run."""

    model_config = CONFIG

    duration_s: Number = Field(alias="timeTakenSeconds")
    req1xx: Count = 0
    req2xx: Count
    req3xx: Count = 0
    req4xx: Count = 0
    req5xx: Count = 0
    others: Count = 0
    errors: list[BombardierError] = Field(default_factory=list)
    latency: BombardierTimes

    def failures(self) -> dict[str, int]:
        """Return the failures by kind; `others` are requests without an answer."""
        by_class = zip(CLASSES, (self.req1xx, self.req3xx, self.req4xx, self.req5xx), strict=True)
        counts = {f"status {name}": count for name, count in by_class} | {"no answer": self.others}
        return {kind: count for kind, count in counts.items() if count}


class BombardierReport(BaseModel):
    """The JSON document of bombardier."""

    spec: BombardierSpec
    result: BombardierResult


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    report = BombardierReport.model_validate_json(text)
    result, latency = report.result, report.result.latency
    failures = result.failures()
    sent = result.req2xx + sum(failures.values())
    parsed = replace(
        run,
        requests=result.req2xx,
        failures=failures,
        connections=report.spec.connections or None,
        duration_s=result.duration_s or None,
        requests_per_s=sent / result.duration_s if sent and result.duration_s else None,
        is_rate_asked=bool(report.spec.rate),
        mean_us=latency.mean or None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us={float(p): us for p, us in latency.percentiles.items()} | {100.0: latency.max},
        resolution_us=RESOLUTION_US,
    )
    return [replace(parsed, remarks=tuple(_remarks(parsed, result)))]


def _remarks(run: ImportedRun, result: BombardierResult) -> Iterator[str]:
    if run.is_rate_asked:
        yield RATE_REMARK
    errors = sum(error.count for error in result.errors)
    if errors > result.others:
        yield f"It lists {errors} errors, but counts {result.others} requests without an answer."


PLUGINS = {
    "bombardier": ImportFormat(
        "Output of bombardier -o json: us; includes connect time; percentiles with -l only.",
        FormatMarks(keys=(("spec", "result.req2xx", "result.timeTakenSeconds"),)),
        _read,
    )
}
