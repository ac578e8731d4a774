"""Parses files that vegeta wrote: its report in JSON, and its results, one for each request."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from harness.imports.numbers import JsonObject, TimedAnswer, result_of_answers, split_statuses, whole_lines
from harness.model import FormatMarks, ImportedRun, ImportFormat

RESOLUTION_US = 0.001
RATE_REMARK = "vegeta sends at a given rate: its requests/s say nothing about the server."
PERCENTILES = {"min": 0.0, "50th": 50.0, "90th": 90.0, "95th": 95.0, "99th": 99.0, "max": 100.0}
NO_COUNT = (
    "vegeta encode has no number of requests: if it was cut between two lines, the last requests are missing. Compare "
    "its {lines} lines with the number of requests of the attack."
)


def _read_report(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    report = JsonObject.parse(text)
    requests, statuses, latencies = report.count("requests"), report.counts("status_codes"), report.object("latencies")
    mean_us = latencies.count("mean", default=0) / 1000
    if sum(statuses.values()) != requests:
        raise ValueError(
            f"it counts {requests} requests, but {sum(statuses.values())} by status. Make the report again."
        )
    if requests and not mean_us:
        raise ValueError("its mean is 0: vegeta's metrics were written before they were closed. Make the report again.")
    right, failures = split_statuses(statuses)
    rate = report.number("rate") if report.value("throughput") is None else report.number("throughput")
    yield replace(
        run,
        requests=right,
        failures=failures,
        duration_s=(report.count("duration") + report.count("wait")) / 1e9 or None,
        is_rate_asked=True,
        requests_per_s=rate or None,
        mean_us=mean_us or None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us=latencies.percentiles_us(0.001, PERCENTILES),
        resolution_us=RESOLUTION_US,
        remarks=tuple(_remarks(latencies, requests, sum(failures.values()))),
    )


def _remarks(latencies: JsonObject, requests: int, failed: int) -> Iterator[str]:
    yield RATE_REMARK
    if failed:
        yield f"Its times include those of the {failed} failed requests: vegeta encode writes each with its status."
    total, mean = latencies.count("total", default=0), latencies.count("mean", default=0)
    if total and requests and abs(total / requests - mean) > 1 + 0.001 * mean:
        yield f"The sum of its times, {total / 1e6:g} ms, is not {requests} times its mean, {mean / 1e6:g} ms."


def _read_results(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    return [_run(run, results) for results in _split_runs([JsonObject.parse(line) for line in whole_lines(text)])]


def _split_runs(results: Sequence[JsonObject]) -> list[dict[int, JsonObject]]:
    """Return the results by number, run by run: a second one with the same number belongs to another run."""
    occurrences: Counter[int] = Counter()
    runs: list[dict[int, JsonObject]] = []
    for result in results:
        number = result.count("seq")
        runs += [{}] if occurrences[number] == len(runs) else []
        runs[occurrences[number]][number] = result
        occurrences[number] += 1
    return runs


def _run(run: ImportedRun, results: dict[int, JsonObject]) -> ImportedRun:
    missing = set(range(len(results))) - set(results)
    if missing:
        raise ValueError(f"the request with seq {min(missing)} is missing. Encode the results again.")
    times = [datetime.fromisoformat(str(result.value("timestamp"))) for result in results.values()]
    answers = [
        TimedAnswer(1e6 * (time - min(times)).total_seconds(), result.count("latency") / 1000, result.count("code"))
        for time, result in zip(times, results.values(), strict=True)
    ]
    timed = run.with_result(result_of_answers(answers, RESOLUTION_US))
    return replace(
        timed,
        is_rate_asked=True,
        requests_per_s=(timed.requests or 0) / timed.duration_s or None if timed.duration_s else None,
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
        FormatMarks(keys=(("seq", "code", "timestamp", "latency"),), is_by_line=True),
        _read_results,
    ),
}
