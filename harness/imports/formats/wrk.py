"""Output of wrk or wrk2, with or without --latency: times to three or four digits; excludes connect time."""

import re
from collections.abc import Iterator
from dataclasses import replace

from harness.imports.consistency import rate_contradiction
from harness.imports.numbers import line_pattern, read_lines, read_optional_line
from harness.model import FormatMarks, ImportedRun, ImportFormat
from harness.model.tools import TIME_PATTERN, parse_us, resolution_us

BEGIN = re.compile(
    r"^Running \S+ test @ .*$(?!\n+\d+ (?:connections|goroutine))|^unable to connect to .*", re.MULTILINE
)
LINES = {
    "threads and connections": r"\d+ threads and (\d+) connections",
    "Latency": rf"Latency ({TIME_PATTERN}) {TIME_PATTERN} ({TIME_PATTERN}) \S+%",
    "requests in": rf"(\d+) requests in ({TIME_PATTERN}), \S+ read",
    "Requests/sec": r"Requests/sec: ([\d.]+)",
    "Transfer/sec": r"Transfer/sec: ([\d.]+[KMGTP]?B)",
}
UNITLESS = re.compile(r"^Latency [\d.]+ [\d.]+ [\d.]+ ", re.MULTILINE)
PERCENTILE = re.compile(rf"^([\d.]+)% ({TIME_PATTERN})$", re.MULTILINE)
KINDS = ("connect", "read", "write", "timeout")
SOCKET_ERRORS = "Socket errors: " + ", ".join(rf"{kind} (\d+)" for kind in KINDS)
STATUS = r"Non-2xx or 3xx responses: (\d+)"
WRK2 = re.compile(r"^(?:Thread calibration:|Initialised \d+ threads|Latency Distribution \(HdrHistogram)", re.MULTILINE)
UNCORRECTED = "Latency Distribution (HdrHistogram - Uncorrected"  # of wrk2 -U: times from the actual send
KNOWN = line_pattern(
    r"(?:Running|Thread Stats|Latency Distribution|Thread calibration:|Initialised|Detailed Percentile) .*",
    r"Latency .*%|Req/Sec +[\d.]+.*%|Value +Percentile .*|(?:[\d.]+ +){3}(?:[\d.]+|inf)|#\[.*\]|-+|Requests/sec: .*",
    *(*LINES.values(), PERCENTILE.pattern, SOCKET_ERRORS, STATUS),
)
IDLE_SHARE = 0.1
NO_TIMES = "wrk measured no times: it prints 0 for all of them. Its mean and percentiles are left out."
RATE_REMARK = (
    "wrk2 sends at a given rate (-R): its requests/s say nothing about the server, and its times count from the "
    "scheduled start of a request."
)


def _read(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    if not text.startswith("Running"):
        raise ValueError(f"wrk printed only {text.strip()!r}. Measure again.")
    if UNITLESS.search(text):
        raise ValueError("its times have no unit, which wrk always prints. Measure again with a release of wrk.")
    connections, mean, longest, complete, duration, rate, _ = read_lines(text, LINES)
    failures = _failures(text)
    parsed = replace(
        run,
        requests=max(int(complete) - failures["status over 399"] - failures["timeout"], 0),
        failures=failures,
        connections=int(connections),
        duration_s=parse_us(duration) / 1e6,
        requests_per_s=float(rate) or None,
        is_rate_asked=bool(WRK2.search(text)),
    )
    timed = _with_times(parsed, mean, dict(PERCENTILE.findall(text.partition(UNCORRECTED)[0])) | {"100": longest})
    yield replace(timed, remarks=tuple(_remarks(timed, int(complete), resolution_us(duration) / 1e6)))


def _with_times(run: ImportedRun, mean: str, percentiles: dict[str, str]) -> ImportedRun:
    """Return the run with its times; where all are 0, wrk measured none."""
    if not any(map(parse_us, (mean, *percentiles.values()))):
        return run
    return replace(
        run,
        mean_us=parse_us(mean) or None,
        mean_resolution_us=resolution_us(mean),
        percentiles_us={float(percent): parse_us(time) for percent, time in percentiles.items() if parse_us(time)},
        resolution_us=resolution_us(*percentiles.values()),
    )


def _failures(text: str) -> dict[str, int]:
    errors = map(int, read_optional_line(text, "Socket errors", SOCKET_ERRORS))
    status = sum(map(int, read_optional_line(text, "Non-2xx", STATUS)))
    return dict.fromkeys(KINDS, 0) | dict(zip(KINDS, errors, strict=False)) | {"status over 399": status}


def _remarks(run: ImportedRun, complete: int, resolution_s: float) -> Iterator[str]:
    if run.is_rate_asked:
        yield RATE_REMARK
    if complete and run.mean_us is None:
        yield NO_TIMES
    yield from rate_contradiction(run, complete, resolution_s)
    if run.in_flight and run.connections and run.in_flight < IDLE_SHARE * run.connections:
        yield (
            f"Of {run.connections} connections only {run.in_flight:.3f} were busy on average: requests may have hung "
            "until the end, which wrk does not count, or the server closed connections."
        )


PLUGINS = {"wrk": ImportFormat(__doc__, FormatMarks(BEGIN), _read, KNOWN)}
