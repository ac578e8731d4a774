"""What bombardier -o json prints: microseconds, connecting included; percentiles with -l only."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from harness.model import Foreign, Marks, Reader
from harness.model.lenient import Count, Number

RESOLUTION_US = 1.0
CONFIG = ConfigDict(strict=True, allow_inf_nan=False, populate_by_name=True)
CLASSES = ("1xx", "3xx", "4xx", "5xx")
ASKED = "bombardier sent at the rate that it was asked for (-r): its requests/s say nothing of the server."


class Spec(BaseModel):
    model_config = CONFIG

    connections: Count | None = Field(None, alias="numberOfConnections")
    rate: Count | None = None


class Times(BaseModel):
    model_config = CONFIG

    mean: Number
    max: Number
    percentiles: dict[str, Number] = Field(default_factory=dict)


class Error(BaseModel):
    description: str
    count: Count


class Result(BaseModel):
    model_config = CONFIG

    duration_s: Number = Field(alias="timeTakenSeconds")
    req1xx: Count = 0
    req2xx: Count
    req3xx: Count = 0
    req4xx: Count = 0
    req5xx: Count = 0
    others: Count = 0
    errors: list[Error] = Field(default_factory=list)
    latency: Times

    def failures(self) -> dict[str, int]:
        """`others` are requests without an answer, which `errors` tell apart where it is there."""
        by_class = zip(CLASSES, (self.req1xx, self.req3xx, self.req4xx, self.req5xx), strict=True)
        found = {f"status {name}": count for name, count in by_class} | {"no answer": self.others}
        return {kind: count for kind, count in found.items() if count}


class Report(BaseModel):
    spec: Spec
    result: Result


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    report = Report.model_validate_json(text)
    result, latency = report.result, report.result.latency
    failures = result.failures()
    made = result.req2xx + sum(failures.values())
    found = replace(
        run,
        requests=result.req2xx,
        failures=failures,
        connections=report.spec.connections or None,
        duration_s=result.duration_s or None,
        requests_per_s=made / result.duration_s if made and result.duration_s else None,
        is_rate_asked=bool(report.spec.rate),
        mean_us=latency.mean or None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us={float(p): us for p, us in latency.percentiles.items()} | {100.0: latency.max},
        resolution_us=RESOLUTION_US,
    )
    return [replace(found, remarks=tuple(_remarks(found, result)))]


def _remarks(run: Foreign, result: Result) -> Iterator[str]:
    if run.is_rate_asked:
        yield ASKED
    errors = sum(error.count for error in result.errors)
    if errors > result.others:
        yield f"It lists {errors} errors, but counts {result.others} requests without an answer."


PLUGIN = Reader(Marks(keys=(("spec", "result.req2xx", "result.timeTakenSeconds"),)), _read)
