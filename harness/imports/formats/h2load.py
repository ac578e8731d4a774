"""Output of h2load: times to about three digits; excludes connect time."""

import re
from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from harness.imports.consistency import rate_contradiction
from harness.imports.numbers import line_pattern, read_lines, split_statuses
from harness.model import FormatMarks, ImportedRun, ImportFormat
from harness.model.tools import TIME_PATTERN, TOLERANCE, parse_us, resolution_us

COUNTS = ("total", "started", "done", "succeeded", "failed", "errored", "timeout")
CLASSES = ("2xx", "3xx", "4xx", "5xx")
PERCENTILES = {"min": 0.0, "median": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}  # recent releases have all of these
REQUESTS = {"requests": "requests: +" + ", +".join(rf"(\d+) +{name}" for name in COUNTS)}
LINES = {
    "finished in": rf"finished in ({TIME_PATTERN}), ([\d.]+) req/s, .*",
    "min max mean": r"(min .*?) sd .*",
    "time for request": rf"(?:time for request|request ?):((?: {TIME_PATTERN})+).*",
    "status codes": "status codes: " + ", ".join(rf"(\d+) {name}" for name in CLASSES),
    "req/s": r"req/s ?:.*\d%",
}
BEGIN = re.compile(  # a truncated output may begin with "finished in"
    r"^starting benchmark\.\.\.(?:\n(?!starting benchmark|finished in).*)*(?:\nfinished in.*)?|^finished in .*req/s, ",
    re.MULTILINE,
)
KNOWN = line_pattern(
    r"(?:starting benchmark|spawning thread|process|progress:|Warm-up|Main benchmark|Stopped all|Stopping all).*",
    r"(?:Application protocol|TLS Protocol|Cipher|Server Temp Key|No protocol|Server does not|ALPN|NPN).*",
    r"finished in .*|requests: .*|status codes: .*|traffic: .*|UDP datagram.*|min +max .*|# min .*",
    r"(?:time for request|time for connect|time to 1st byte|request|connect|TTFB|req/s) *:.*",
)


def parse_counts(text: str) -> dict[str, int]:
    """Return the numbers of requests in h2load's output by their outcome. Raise ValueError if it is cut off."""
    return dict(zip(COUNTS, map(int, read_lines(text, REQUESTS)), strict=True))


def _read(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    finished, rate, names, times, *statuses = read_lines(text, LINES)
    counts = parse_counts(text)
    right, failures = split_statuses(dict(zip(CLASSES, map(int, statuses), strict=True)))
    clients = sum(map(int, re.findall(r"(\d+) total client", text)))  # each thread has its own
    by_name = dict(zip(names.split(), times.split(), strict=False))
    percentiles = {percent: by_name[name] for name, percent in PERCENTILES.items() if name in by_name}
    unanswered = max(counts["errored"] - counts["timeout"], 0)  # with those not yet sent on a broken connection
    parsed = replace(
        run,
        requests=right,
        failures=failures | {"timeout": counts["timeout"], "no answer": unanswered},
        connections=clients or None,
        duration_s=parse_us(finished) / 1e6,
        requests_per_s=float(rate) or None,
        mean_us=parse_us(by_name["mean"]) or None,
        mean_resolution_us=resolution_us(by_name["mean"]),
        percentiles_us={percent: parse_us(time) for percent, time in percentiles.items()},
        resolution_us=resolution_us(*percentiles.values()),
    )
    remarks = rate_contradiction(parsed, counts["done"], resolution_us(finished) / 1e6)
    yield _with_streams(replace(parsed, remarks=tuple(remarks)))


def _with_streams(run: ImportedRun) -> ImportedRun:
    """Return the run with its requests in flight, which are several per connection with -m, as its connections."""
    if not (run.connections and run.in_flight):
        return run
    streams = ceil(run.in_flight / run.connections / (1 + TOLERANCE))
    if streams <= 1:
        return run
    remark = (
        f"By its rate and mean each of its {run.connections} connections had at least {streams} requests in flight "
        "(h2load -m), so its times include waiting for the others."
    )
    return replace(run, connections=streams * run.connections, remarks=(*run.remarks, remark))


PLUGINS = {"h2load": ImportFormat(__doc__, FormatMarks(BEGIN), _read, KNOWN, rate_option="--rps")}
