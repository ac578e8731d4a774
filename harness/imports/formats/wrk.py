"""Output of wrk or wrk2, with or without --latency: times to three or four digits; excludes connect time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.imports.consistency import rate_contradiction
from harness.imports.numbers import line_pattern, match_line
from harness.model import FormatMarks, ImportedRun, ImportFormat
from harness.model.tools import TIME_PATTERN, parse_us, resolution_us

BEGIN = re.compile(
    r"^Running \S+ test @ .*$(?!\n+\d+ (?:connections|goroutine))|^unable to connect to .*", re.MULTILINE
)
PARTS = {
    "connections": re.compile(r"^\d+ +threads +and +(\d+) +connections$", re.MULTILINE),
    "latency": re.compile(rf"^Latency +({TIME_PATTERN}) +{TIME_PATTERN} +({TIME_PATTERN}) +\S+%$", re.MULTILINE),
    "total": re.compile(rf"^(\d+) +requests +in +({TIME_PATTERN}), +\S+ +read$", re.MULTILINE),
    "rate": re.compile(r"^Requests/sec: +([\d.]+)$", re.MULTILINE),
    "end": re.compile(r"^Transfer/sec: +([\d.]+[KMGTP]?B)$", re.MULTILINE),
}
UNITLESS = re.compile(r"^Latency +[\d.]+ +[\d.]+ +[\d.]+ ", re.MULTILINE)
PERCENTILE = re.compile(rf"^([\d.]+)% +({TIME_PATTERN})$", re.MULTILINE)
SOCKET_ERRORS = re.compile(r"Socket errors: +connect +(\d+), +read +(\d+), +write +(\d+), +timeout +(\d+)")
STATUS = re.compile(r"Non-2xx or 3xx responses: +(\d+)")
WRK2 = re.compile(r"^(?:Thread calibration:|Initialised \d+ threads|Latency Distribution \(HdrHistogram)", re.MULTILINE)
UNCORRECTED = "Latency Distribution (HdrHistogram - Uncorrected"
KNOWN = line_pattern(
    r"(?:Running|Thread Stats|Latency Distribution|Thread calibration:|Initialised|Detailed Percentile) .*",
    r"Latency .*%|Req/Sec +[\d.]+.*%|Value +Percentile .*|(?:[\d.]+ +){3}(?:[\d.]+|inf)|#\[.*\]|-+|Requests/sec: .*",
    *(part.pattern for part in (*PARTS.values(), PERCENTILE, SOCKET_ERRORS, STATUS)),
)
IDLE_SHARE = 0.1
NO_TIMES = "wrk measured no times: it prints 0 for all of them. Its mean and percentiles are left out."
RATE_REMARK = (
    "wrk2 sends at a given rate (-R): its requests/s say nothing about the server, and its times count from the "
    "scheduled start of a request."
)


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    if not text.startswith("Running"):
        raise ValueError(f"wrk printed only {text.strip()!r}. Measure again.")
    if UNITLESS.search(text):
        raise ValueError("its times have no unit, which wrk always prints. Measure again with a release of wrk.")
    for label, name in (("Requests/sec:", "rate"), ("Transfer/sec:", "end")):
        match_line(text, label, PARTS[name])
    matches = {name: pattern.search(text) for name, pattern in PARTS.items()}
    missing = [name for name, match in matches.items() if match is None]
    if missing:
        raise ValueError(f"it lacks wrk's lines for {', '.join(missing)}: it is cut off. Measure again.")
    connections, latency, total, rate = (match.groups() for name, match in matches.items() if match and name != "end")
    complete, failures = int(total[0]), _failures(text)
    parsed = replace(
        run,
        requests=max(complete - sum(failures.get(kind, 0) for kind in ("status over 399", "timeout")), 0),
        failures=failures,
        connections=int(connections[0]),
        duration_s=parse_us(total[1]) / 1e6,
        requests_per_s=float(rate[0]) or None,
        is_rate_asked=bool(WRK2.search(text)),
    )
    timed = _with_times(parsed, latency[0], _percentiles(text) | {100.0: latency[1]})
    return [replace(timed, remarks=tuple(_remarks(timed, complete, resolution_us(total[1]) / 1e6)))]


def _percentiles(text: str) -> dict[float, str]:
    """Return the percentiles, without the second distribution of wrk2 -U, of times from the actual send."""
    return {float(percent): time for percent, time in PERCENTILE.findall(text.partition(UNCORRECTED)[0])}


def _with_times(run: ImportedRun, mean: str, percentiles: dict[float, str]) -> ImportedRun:
    """Return the run with its times; where all are 0, wrk measured none."""
    if not parse_us(mean) and not any(map(parse_us, percentiles.values())):
        return run
    return replace(
        run,
        mean_us=parse_us(mean) or None,
        mean_resolution_us=resolution_us(mean),
        percentiles_us={percent: parse_us(time) for percent, time in percentiles.items() if parse_us(time)},
        resolution_us=resolution_us(*percentiles.values()),
    )


def _failures(text: str) -> dict[str, int]:
    errors, status = match_line(text, "Socket errors", SOCKET_ERRORS), match_line(text, "Non-2xx", STATUS)
    kinds = ("connect", "read", "write", "timeout")
    counts = dict(zip(kinds, map(int, errors.groups() if errors else ()), strict=False))
    counts |= {"status over 399": int(status[1])} if status else {}
    return {kind: count for kind, count in counts.items() if count}


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


PLUGINS = {
    "wrk": ImportFormat(
        "Output of wrk or wrk2, with or without --latency: times to three or four digits; excludes connect time.",
        FormatMarks(begins=BEGIN),
        _read,
        KNOWN,
    )
}
