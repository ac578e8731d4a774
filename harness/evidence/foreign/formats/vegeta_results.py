"""What vegeta encode writes as JSON, a line for each request: nanoseconds, at a rate that was asked for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from harness.model import Foreign, Marks, Outcome, Reader
from harness.model.lenient import Count

RESOLUTION_US = 0.001
ENDLESS = (
    "vegeta encode does not say how many requests there were: were it cut between two lines, the last would be missing "
    "unseen. Compare its {lines} lines with how many were asked for."
)


class Result(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    seq: Count
    code: Count
    timestamp: datetime
    latency: Count


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    if not text.endswith("\n"):
        raise ValueError("its last line has no end: it is cut off. Encode the results again.")
    results = [Result.model_validate_json(line) for line in text.splitlines() if line.strip()]
    return [_run(run, of_run) for of_run in _by_run(results)]


def _by_run(results: Sequence[Result]) -> list[list[Result]]:
    """A second result with the same number is of another run."""
    seen: Counter[int] = Counter()
    runs: list[list[Result]] = []
    for result in results:
        number = seen[result.seq]
        seen[result.seq] += 1
        runs += [[]] if number == len(runs) else []
        runs[number].append(result)
    return runs


def _run(run: Foreign, results: Sequence[Result]) -> Foreign:
    missing = set(range(len(results))) - {result.seq for result in results}
    if missing:
        raise ValueError(f"the request with seq {min(missing)} is missing. Encode the results again.")
    right = [result for result in results if 200 <= result.code < 300]
    failures = Counter(f"status {r.code}" if r.code else "no answer" for r in results if not 200 <= r.code < 300)
    begun = min(result.timestamp for result in results)
    duration_s = max((result.timestamp - begun).total_seconds() + result.latency / 1e9 for result in results)
    found = Outcome.of_times([result.latency / 1000 for result in right], failures, duration_s, RESOLUTION_US)
    return replace(
        run,
        requests=found.requests,
        failures=found.failures,
        duration_s=duration_s or None,
        is_rate_asked=True,
        requests_per_s=len(right) / duration_s if right and duration_s else None,
        mean_us=found.mean_us or None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us=found.percentiles_us,
        resolution_us=RESOLUTION_US,
        latency_us=found.latency_us,
        remarks=(ENDLESS.format(lines=len(results)),),
    )


PLUGIN = Reader(Marks(keys=(("seq", "code", "timestamp", "latency"),)), _read, is_by_line=True)
