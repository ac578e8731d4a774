"""Output of ab, without -w: mean to 1 us, percentiles to 1 ms."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.imports.numbers import line_pattern, match_line
from harness.model import FormatMarks, ImportedRun, ImportFormat

LAST_PERCENTILE = re.compile(r"^100% +\d+ +\(longest request\)$", re.MULTILINE)
PERCENTILE = re.compile(r"^(\d+)% +(\d+)(?: +\(longest request\))?$", re.MULTILINE)
PERCENTILES = "Percentage of the requests served"
LONE_TIMES = re.compile(r"^Total:(?: +[\d.]+){3,5}\n", re.MULTILINE)
NO_PERCENTILES = "It has no percentiles: ab ran with -d, or the end of its output is missing."
UNITS = {  # label: the unit that must follow
    "Time taken for tests": r" +seconds$",
    "Requests per second": r" +\[#/sec\] +\(mean\)$",
    "Time per request": r" +\[ms\] +\(mean\)$",
    "Concurrency Level": "$",
    "Complete requests": "$",
    "Failed requests": "$",
}
KINDS = re.compile(r"\(Connect: +\d+(?:, +[\w ]+: +\d+)*\)")
NOT_2XX = re.compile(r"Non-2xx responses: +(\d+)")
WRITE = re.compile(r"Write errors: +(\d+)")
KNOWN = line_pattern(
    r"This is ApacheBench.*|Copyright .*|Licensed to .*|Benchmarking .*|(?:Completed|Finished|Total of) \d+ requests.*",
    r"(?:Server|SSL/TLS|TLS|Document|Concurrency|Time|Complete|Failed|Requests) [\w ]+:(?: .*)?|SSL/TLS Protocol: .*",
    r"(?:Keep-Alive requests|Write errors|Non-2xx responses): +\d+|Transfer rate: .*|[\d.]+ kb/s (?:sent|total)",
    r"Total (?:transferred|body sent|PUT|POSTed): +\d+.*|HTML transferred: .*",
    r"(?:Connect|Processing|Waiting|Total):(?: +[\d.]+){3,5}",
    r"WARNING: .*|ERROR: .*|(?:These results|apr_|SSL|ab: |Test aborted|Send request|\.\.).*",
    f"{PERCENTILES}.*",
    KINDS.pattern,
    PERCENTILE.pattern,
)


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    return [_run(text, run)]


def _run(text: str, run: ImportedRun) -> ImportedRun:
    complete = int(_figure(text, "Complete requests"))
    failures = _failures(text)
    incomplete = sum(failures.get(kind, 0) for kind in ("connect", "exceptions", "write"))
    if not complete:
        raise ValueError("ab completed no request. Measure again.")
    _check_complete(text, complete)
    parsed = replace(
        run,
        requests=max(complete - sum(failures.values()) + incomplete, 0),  # a request can fail in two ways
        failures=failures,
        connections=int(_figure(text, "Concurrency Level")),
        duration_s=float(_figure(text, "Time taken for tests")),
        requests_per_s=float(_figure(text, "Requests per second")),
        mean_us=1000 * float(_figure(text, "Time per request")),
        mean_resolution_us=1.0,
        percentiles_us={float(percent): 1000 * float(ms) for percent, ms in PERCENTILE.findall(text)},
        resolution_us=1000.0,
    )
    missing = () if parsed.percentiles_us or complete == 1 else (NO_PERCENTILES,)
    return replace(parsed, remarks=(*missing, *_length_remarks(failures), *_rate_contradictions(parsed, complete)))


def _check_complete(text: str, complete: int) -> None:
    """Raise ValueError for a truncated output. With a single request, and with -d, ab ends before its percentiles."""
    ends_early = complete == 1 or (PERCENTILES not in text and not PERCENTILE.search(text))
    if not (LONE_TIMES if ends_early else LAST_PERCENTILE).search(text):
        raise ValueError("it is cut off before the time of the longest request. Give ab's whole output.")


def _figure(text: str, label: str) -> str:
    line = re.search(rf"^{label}: *(.*)$", text, re.MULTILINE)
    if line is None:
        errors = re.findall(r"^(?:apr_|ab: |Total of ).*", text, re.MULTILINE)
        reason = f"ab ended with {errors[0]!r}" if errors else "it is cut off, or ab was stopped"
        raise ValueError(f"it has no line {label!r}: {reason}. Measure again.")
    number = re.match(rf"([\d.]+){UNITS[label]}", line[1])
    if number is None:
        raise ValueError(f"{label} is {line[1]!r}, not a number in the unit that ab prints. Measure again.")
    return number[1]


def _failures(text: str) -> dict[str, int]:
    """Return the failures by kind: ab's own words in lower case, and its "Non-2xx responses"."""
    failed = int(_figure(text, "Failed requests"))
    kinds = match_line(text, "(Connect:", KINDS)
    counts = {kind.lower(): int(n) for kind, n in re.findall(r"(\w+): +(\d+)", kinds[0])} if kinds else {}
    if failed and not kinds:
        raise ValueError(f"it counts {failed} failed requests but not their kinds: it is cut off.")
    not_2xx, write = match_line(text, "Non-2xx", NOT_2XX), match_line(text, "Write errors", WRITE)
    counts["write"] = int(write[1]) if write else 0
    counts["status not 2xx"] = int(not_2xx[1]) if not_2xx else 0
    return {kind: count for kind, count in counts.items() if count}


def _length_remarks(failures: dict[str, int]) -> Iterator[str]:
    """Yield remarks on failures by length: ab counts a page of another length as failed, and error pages twice."""
    length, twice = failures.get("length", 0), min(failures.get("length", 0), failures.get("status not 2xx", 0))
    if length:
        yield (
            f"{length} of its failed requests have another length than the first answer, which is no failure where "
            "pages differ: ab -l does not count it."
        )
    if twice:
        yield f"Up to {twice} of its failed requests are counted twice, by their length and by their status."


def _rate_contradictions(run: ImportedRun, complete: int) -> Iterator[str]:
    """Yield contradictions between duration, rate and mean, which ab calculates from each other and rounds."""
    if not (run.duration_s and run.requests_per_s and run.connections and run.mean_us):
        return
    rounding = 0.01 + 0.0005 / run.duration_s
    if abs(complete / run.duration_s / run.requests_per_s - 1) > rounding:
        yield (
            f"{complete} requests in {run.duration_s:g} s are not {run.requests_per_s:g} requests/s but "
            f"{complete / run.duration_s:.2f}."
        )
    from_rate_us = 1e6 * run.connections / run.requests_per_s
    if abs(run.mean_us - from_rate_us) > 0.01 * from_rate_us + 1:
        yield f"{run.mean_us / 1000:g} ms per request is not {from_rate_us / 1000:.3f} ms, as the rate implies."


PLUGIN = ImportFormat(FormatMarks(begins=re.compile(r"^This is ApacheBench\b(?!.*<i>)", re.MULTILINE)), _read, KNOWN)
