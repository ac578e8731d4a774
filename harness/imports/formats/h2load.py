"""Output of h2load: times to about three digits; excludes connect time."""

import re
from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from harness.imports.consistency import rate_contradiction
from harness.imports.numbers import line_pattern
from harness.model import FormatMarks, ImportedRun, ImportFormat
from harness.model.tools import TIME_PATTERN, TOLERANCE, parse_us, resolution_us

COUNTS = ("total", "started", "done", "succeeded", "failed", "errored", "timeout")
CLASSES = ("2xx", "3xx", "4xx", "5xx")
PARTS = {
    "finished in": re.compile(rf"^finished in +({TIME_PATTERN}), +([\d.]+) req/s, ", re.MULTILINE),
    "requests": re.compile("^requests: +" + ", +".join(rf"(\d+) +{name}" for name in COUNTS) + "$", re.MULTILINE),
    "status codes": re.compile(
        "^status codes: +" + ", +".join(rf"(\d+) +{name}" for name in CLASSES) + "$", re.MULTILINE
    ),
    "min max mean": re.compile(r"^(min .*?) +sd ", re.MULTILINE),
    "time for request": re.compile(rf"^(?:time for request|request *):((?: +{TIME_PATTERN})+)", re.MULTILINE),
    "req/s": re.compile(r"^req/s +:.*\d%$", re.MULTILINE),
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
    """Return the numbers of requests in h2load's output by what became of them. Raise ValueError if it is cut off."""
    return dict(zip(COUNTS, map(int, _part(text, "requests")), strict=True))


def _part(text: str, name: str) -> tuple[str, ...]:
    match = PARTS[name].search(text)
    if match is None:
        raise ValueError(f"it has no line {name!r}: it is cut off. Measure again.")
    return match.groups()


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    finished, _, statuses, names, times, _ = (_part(text, name) for name in PARTS)
    counts = parse_counts(text)
    by_class = dict(zip(CLASSES, map(int, statuses), strict=True))
    by_name = dict(zip(names[0].split(), times[0].split(), strict=False))
    clients = sum(map(int, re.findall(r"(\d+) +total client", text)))  # each thread has its own
    percentiles = _percentiles(by_name)
    parsed = replace(
        run,
        requests=by_class["2xx"],
        failures=_failures(counts, by_class),
        connections=clients or None,
        duration_s=parse_us(finished[0]) / 1e6,
        requests_per_s=float(finished[1]) or None,
        mean_us=parse_us(by_name["mean"]) or None,
        mean_resolution_us=resolution_us(by_name["mean"]),
        percentiles_us={percent: parse_us(time) for percent, time in percentiles.items()},
        resolution_us=resolution_us(*percentiles.values()),
    )
    remarks = rate_contradiction(parsed, counts["done"], resolution_us(finished[0]) / 1e6)
    return [_with_streams(replace(parsed, remarks=tuple(remarks)))]


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


def _percentiles(by_name: dict[str, str]) -> dict[float, str]:
    """Return the percentiles; only recent releases have the median and others."""
    known = {"min": 0.0, "median": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    return {percent: by_name[name] for name, percent in known.items() if name in by_name}


def _failures(counts: dict[str, int], by_class: dict[str, int]) -> dict[str, int]:
    """Return the failures by kind; "errored" includes requests not yet sent on a broken connection."""
    statuses = {f"status {name}": count for name, count in by_class.items() if name != "2xx"}
    unanswered = {"timeout": counts["timeout"], "no answer": counts["errored"] - counts["timeout"]}
    return {kind: count for kind, count in (statuses | unanswered).items() if count > 0}


PLUGINS = {
    "h2load": ImportFormat(
        "Output of h2load: times to about three digits; excludes connect time.",
        FormatMarks(begins=BEGIN),
        _read,
        KNOWN,
        rate_option="--rps",
    )
}
