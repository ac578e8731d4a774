"""Parses files that ab wrote: its output, its percentiles (-e) and its single times (-g). `load.tools.ab` runs ab."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from harness.imports.consistency import mean_contradiction, rate_contradiction
from harness.imports.numbers import label_patterns, line_pattern, read_lines, read_optional_line, whole_lines
from harness.model import FormatMarks, ImportedRun, ImportFormat, ToolResult

BEGIN = re.compile(r"^This is ApacheBench\b(?!.*<i>)", re.MULTILINE)
LAST_PERCENTILE = re.compile(r"^100% \d+ \(longest request\)$", re.MULTILINE)
PERCENTILE = re.compile(r"^(\d+)% (\d+)(?: \(longest request\))?$", re.MULTILINE)
PERCENTILES = "Percentage of the requests served"
LONE_TIMES = re.compile(r"^Total:(?: [\d.]+){3,5}\n", re.MULTILINE)
NO_PERCENTILES = "It has no percentiles: ab ran with -d, or the end of its output is missing."
MEAN_RESOLUTION_US, RESOLUTION_US = 1.0, 1000.0
HALF_DIGIT_S = 0.0005  # of its duration
LINES = label_patterns(
    {
        "Complete requests": r"(\d+)",
        "Concurrency Level": r"(\d+)",
        "Time taken for tests": r"([\d.]+) seconds",
        "Failed requests": r"(\d+)",
        "Requests per second": r"([\d.]+) \[#/sec\] \(mean\)",
        "Time per request": r"([\d.]+) \[ms\] \(mean\)",
    }
)
KINDS = r"\((Connect: \d+(?:, [\w ]+: \d+)*)\)"
KNOWN = line_pattern(
    r"This is ApacheBench.*|Copyright .*|Licensed to .*|Benchmarking .*|(?:Completed|Finished|Total of) \d+ requests.*",
    r"(?:Server|SSL/TLS|TLS|Document|Concurrency|Time|Complete|Failed|Requests) [\w ]+:(?: .*)?|SSL/TLS Protocol: .*",
    r"(?:Keep-Alive requests|Write errors|Non-2xx responses): +\d+|Transfer rate: .*|[\d.]+ kb/s (?:sent|total)",
    r"Total (?:transferred|body sent|PUT|POSTed): +\d+.*|HTML transferred: .*",
    r"(?:Connect|Processing|Waiting|Total):(?: +[\d.]+){3,5}",
    r"WARNING: .*|ERROR: .*|(?:These results|apr_|SSL|ab: |Test aborted|Send request|\.\.).*",
    f"{PERCENTILES}.*",
    KINDS,
    PERCENTILE.pattern,
)
ERROR = re.compile(r"^(?:apr_|ab: |Total of ).*", re.MULTILINE)

E_BEGIN = re.compile("^Percentage served,Time in ms", re.MULTILINE)
E_HEADER = ["Percentage served", "Time in ms"]
E_ROWS = (100, 101)  # older releases lack the last one
E_OLDER = "It ends with the 99th percentile, as written by older releases of ab: the slowest request is unknown."

G_BEGIN = re.compile("^starttime +seconds +ctime +dtime +ttime +wait$", re.MULTILINE)
G_ROW = re.compile(r".*\S +\d+ +\d+ +\d+ +(\d+) +\d+")  # the start time has blanks in it
G_NO_COUNT = (
    "ab -g writes the slowest requests last, and no number of requests: if it was cut between two lines, the slowest "
    "are missing. Compare its {rows} rows with what ab printed."
)


def parse_output(text: str) -> ToolResult:
    """Return the result in ab's output. Raise ValueError if it is incomplete."""
    completed, _, seconds, failed, _, ms = _figures(text)
    complete, failures = int(completed), _failures(text, int(failed))
    incomplete = sum(failures.get(kind, 0) for kind in ("connect", "exceptions", "write"))
    if not complete:
        raise ValueError("ab completed no request. Measure again.")
    # With a single request, and with -d, ab ends before its percentiles.
    ends_early = complete == 1 or (PERCENTILES not in text and not PERCENTILE.search(text))
    if not (LONE_TIMES if ends_early else LAST_PERCENTILE).search(text):
        raise ValueError("it is cut off before the time of the longest request. Give ab's whole output.")
    return ToolResult(
        requests=max(complete - sum(failures.values()) + incomplete, 0),  # a request can fail in two ways
        failures=failures,
        duration_s=float(seconds),
        mean_us=1000 * float(ms),
        percentiles_us={float(percent): 1000 * float(time_ms) for percent, time_ms in PERCENTILE.findall(text)},
        resolution_us=RESOLUTION_US,
        sent=complete,
    )


def parse_percentiles_us(text: str) -> dict[float, float]:
    """Return the percentiles in the file of ab -e. Raise ValueError if it is incomplete."""
    header, *rows = [row for row in csv.reader(text.splitlines()) if row] or [[]]
    if header != E_HEADER or not text.endswith("\n") or len(rows) not in E_ROWS:
        raise ValueError(
            f"it has {len(rows)} rows of percentiles or a part of one under {header}, not {E_ROWS[-1]} whole ones: it "
            "is cut off. Measure again."
        )
    try:
        percentiles_us = {float(percent): 1000 * float(ms) for percent, ms in rows}
    except ValueError as error:
        raise ValueError(f"it has a row that is not two numbers: {error}. Measure again.") from error
    if list(percentiles_us) != list(range(len(rows))):
        raise ValueError(f"its percentages are not 0 to {len(rows) - 1}. Measure again.")
    return percentiles_us


def _read_output(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    result = parse_output(text)
    _, connections, _, _, rate, _ = _figures(text)
    parsed = replace(
        run.with_result(result),
        connections=int(connections),
        requests_per_s=float(rate),
        mean_resolution_us=MEAN_RESOLUTION_US,
    )
    missing = () if parsed.percentiles_us or result.sent == 1 else (NO_PERCENTILES,)
    contradictions = (*rate_contradiction(parsed, result.sent, HALF_DIGIT_S), *mean_contradiction(parsed))
    yield replace(parsed, remarks=(*missing, *_length_remarks(result.failures), *contradictions))


def _read_percentiles(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    percentiles_us = parse_percentiles_us(text)
    remarks = () if 100 in percentiles_us else (E_OLDER,)
    yield replace(run, percentiles_us=percentiles_us, resolution_us=1.0, remarks=remarks)


def _read_times(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    _, *rows = whole_lines(text)
    times_ms = [match and float(match[1]) for match in map(G_ROW.fullmatch, rows)]
    if None in times_ms:
        raise ValueError(f"its line {rows[times_ms.index(None)]!r} has no whole ttime. Measure again.")
    if not times_ms:
        raise ValueError("it has no line but its header. Measure again.")
    times_us = [1000 * ms for ms in times_ms if ms is not None]
    timed = run.with_result(ToolResult.from_times(times_us, {}, 0.0, RESOLUTION_US))
    yield replace(timed, remarks=(G_NO_COUNT.format(rows=len(rows)),))


def _figures(text: str) -> list[str]:
    error = ERROR.search(text)
    return read_lines(text, LINES, f"ab ended with {error[0]!r}" if error else "it is cut off, or ab was stopped")


def _failures(text: str, failed: int) -> dict[str, int]:
    """Return the failures by kind: ab's own words in lower case, and its "Non-2xx responses"."""
    kinds = "".join(read_optional_line(text, "(Connect:", KINDS))
    if failed and not kinds:
        raise ValueError(f"it counts {failed} failed requests but not their kinds: it is cut off.")
    counts = {kind.lower(): int(count) for kind, count in re.findall(r"(\w+): (\d+)", kinds)}
    for kind, label in {"write": "Write errors", "status not 2xx": "Non-2xx responses"}.items():
        counts[kind] = sum(map(int, read_optional_line(text, label, rf"{label}: (\d+)")))
    return {kind: count for kind, count in counts.items() if count}


def _length_remarks(failures: Mapping[str, int]) -> Iterator[str]:
    """Yield remarks on failures by length: ab counts a page of another length as failed, and error pages twice."""
    length, twice = failures.get("length", 0), min(failures.get("length", 0), failures.get("status not 2xx", 0))
    if length:
        yield (
            f"{length} of its failed requests have another length than the first answer, which is no failure where "
            "pages differ: ab -l does not count it."
        )
    if twice:
        yield f"Up to {twice} of its failed requests are counted twice, by their length and by their status."


PLUGINS = {
    "ab": ImportFormat(
        "Output of ab, without -w: mean to 1 us, percentiles to 1 ms.", FormatMarks(begins=BEGIN), _read_output, KNOWN
    ),
    "ab-e": ImportFormat(
        "File of ab -e: percentiles to 1 us; neither mean nor number of requests.",
        FormatMarks(begins=E_BEGIN),
        _read_percentiles,
    ),
    "ab-g": ImportFormat(
        "File of ab -g: single times in whole ms, in rising order; the slowest may be cut off.",
        FormatMarks(begins=G_BEGIN),
        _read_times,
    ),
}
