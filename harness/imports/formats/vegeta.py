"""Reads what vegeta writes: its report in JSON, and its results, one for each request."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from harness.imports.numbers import Count, Number
from harness.model import FormatMarks, ImportedRun, ImportFormat, ToolResult

RESOLUTION_US = 0.001
RATE_REMARK = "vegeta sends at a given rate: its requests/s say nothing about the server."
PERCENTILES = {0.0: "min", 50.0: "50th", 90.0: "90th", 95.0: "95th", 99.0: "99th", 100.0: "max"}
NO_COUNT = (
    "vegeta encode has no number of requests: if it was cut between two lines, the last requests are missing. Compare "
    "its {lines} lines with the number of requests of the attack."
)


class VegetaReport(BaseModel):
    """The JSON document of vegeta; older releases lack some of the latencies, and `throughput`."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    latencies: dict[str, Count]
    duration: Count
    wait: Count
    requests: Count
    rate: Number
    throughput: Number | None = None
    status_codes: dict[str, Count]


class VegetaResult(BaseModel):
    """One request; `latency` in ns."""

    model_config = ConfigDict(allow_inf_nan=False)

    seq: Count
    code: Count
    timestamp: datetime
    latency: Count


def _read_report(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    report = VegetaReport.model_validate_json(text)
    by_status = sum(report.status_codes.values())
    if by_status != report.requests:
        raise ValueError(f"it counts {report.requests} requests, but {by_status} by status. Make the report again.")
    if report.requests and not report.latencies.get("mean"):
        raise ValueError("its mean is 0: vegeta's metrics were written before they were closed. Make the report again.")
    percentiles_us = {
        percent: report.latencies[name] / 1000 for percent, name in PERCENTILES.items() if name in report.latencies
    }
    return [
        replace(
            run,
            requests=sum(count for code, count in report.status_codes.items() if code.startswith("2")),
            failures=_failures(report.status_codes),
            duration_s=(report.duration + report.wait) / 1e9 or None,
            is_rate_asked=True,
            requests_per_s=(report.rate if report.throughput is None else report.throughput) or None,
            mean_us=report.latencies.get("mean", 0) / 1000 or None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us=percentiles_us,
            resolution_us=RESOLUTION_US,
            remarks=tuple(_remarks(report)),
        )
    ]


def _failures(statuses: dict[str, int]) -> dict[str, int]:
    """Return the failures by kind; status 0 is a request without an answer."""
    failed = {code: count for code, count in statuses.items() if count and not code.startswith("2")}
    return {"no answer" if code == "0" else f"status {code}": count for code, count in failed.items()}


def _remarks(report: VegetaReport) -> Iterator[str]:
    failed = sum(_failures(report.status_codes).values())
    yield RATE_REMARK
    if failed:
        yield f"Its times include those of the {failed} failed requests: vegeta encode writes each with its status."
    total, mean = report.latencies.get("total"), report.latencies.get("mean", 0)
    if total and report.requests and abs(total / report.requests - mean) > 1 + 0.001 * mean:
        yield (f"The sum of its times, {total / 1e6:g} ms, is not {report.requests} times its mean, {mean / 1e6:g} ms.")


def _read_results(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
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
    succeeded_us = [result.latency / 1000 for result in results if 200 <= result.code < 300]
    failures = _failures(Counter(str(result.code) for result in results))
    start = min(result.timestamp for result in results)
    duration_s = max((result.timestamp - start).total_seconds() + result.latency / 1e9 for result in results)
    timed = run.with_result(ToolResult.from_times(succeeded_us, failures, duration_s, RESOLUTION_US))
    return replace(
        timed,
        is_rate_asked=True,
        requests_per_s=len(succeeded_us) / duration_s if succeeded_us and duration_s else None,
        remarks=(NO_COUNT.format(lines=len(results)),),
    )


PLUGINS = {
    "vegeta": ImportFormat(
        "Output of vegeta report -type=json: ns; sent at a given rate, which says nothing about the server.",
        FormatMarks(keys=(("latencies", "bytes_in"),)),
        _read_report,
    ),
    "vegeta-results": ImportFormat(
        "JSON lines of vegeta encode, one for each request: ns; sent at a given rate.",
        FormatMarks(keys=(("seq", "code", "timestamp", "latency"),)),
        _read_results,
        is_by_line=True,
    ),
}
