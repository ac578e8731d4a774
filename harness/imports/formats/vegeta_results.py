"""JSON lines of vegeta encode, one for each request: ns; sent at a given rate."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from harness.imports.numbers import Count
from harness.model import FormatMarks, ImportedRun, ImportFormat, ToolResult

RESOLUTION_US = 0.001
NO_COUNT = (
    "vegeta encode has no number of requests: if it was cut between two lines, the last requests are missing. Compare "
    "its {lines} lines with the number of requests of the attack."
)


class VegetaResult(BaseModel):
    """One request; `latency` in ns."""

    model_config = ConfigDict(allow_inf_nan=False)

    seq: Count
    code: Count
    timestamp: datetime
    latency: Count


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    if not text.endswith("\n"):
        raise ValueError("its last line is incomplete: it is cut off. Encode the results again.")
    results = [VegetaResult.model_validate_json(line) for line in text.splitlines() if line.strip()]
    return [_run(run, run_results) for run_results in _split_runs(results)]


def _split_runs(results: Sequence[VegetaResult]) -> list[list[VegetaResult]]:
    """Split results of several runs: a second result with the same number belongs to another run."""
    occurrences: Counter[int] = Counter()
    runs: list[list[VegetaResult]] = []
    for result in results:
        number = occurrences[result.seq]
        occurrences[result.seq] += 1
        runs += [[]] if number == len(runs) else []
        runs[number].append(result)
    return runs


def _run(run: ImportedRun, results: Sequence[VegetaResult]) -> ImportedRun:
    missing = set(range(len(results))) - {result.seq for result in results}
    if missing:
        raise ValueError(f"the request with seq {min(missing)} is missing. Encode the results again.")
    succeeded = [result for result in results if 200 <= result.code < 300]
    failures = Counter(f"status {r.code}" if r.code else "no answer" for r in results if not 200 <= r.code < 300)
    start = min(result.timestamp for result in results)
    duration_s = max((result.timestamp - start).total_seconds() + result.latency / 1e9 for result in results)
    outcome = ToolResult.from_times(
        [result.latency / 1000 for result in succeeded], failures, duration_s, RESOLUTION_US
    )
    return replace(
        run,
        requests=outcome.requests,
        failures=outcome.failures,
        duration_s=duration_s or None,
        is_rate_asked=True,
        requests_per_s=len(succeeded) / duration_s if succeeded and duration_s else None,
        mean_us=outcome.mean_us or None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us=outcome.percentiles_us,
        resolution_us=RESOLUTION_US,
        latency_us=outcome.latency_us,
        remarks=(NO_COUNT.format(lines=len(results)),),
    )


PLUGIN = ImportFormat(FormatMarks(keys=(("seq", "code", "timestamp", "latency"),)), _read, is_by_line=True)
