"""Parses files that hey wrote: its output, and its rows of requests (-o csv)."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace

from harness.imports.numbers import (
    TimedAnswer,
    label_patterns,
    line_pattern,
    read_lines,
    result_of_answers,
    split_statuses,
    whole_lines,
)
from harness.model import FormatMarks, ImportedRun, ImportFormat

LINES = label_patterns(
    dict.fromkeys(("Total", "Slowest", "Fastest", "Average"), r"([\d.]+|NaN) secs")
) | label_patterns({"Requests/sec": r"([\d.]+|NaN)"})
RESOLUTION_US = 100.0  # it prints seconds with four digits after the point
ROUNDING = 1e-4  # far above the rounding error with so many requests
HALF_DIGIT_S = 0.00005  # the rounding error of a time
BAR = re.compile(r"^[\d.]+ \[(\d+)\] ?\|.*", re.MULTILINE)
PERCENTILE = re.compile(r"^([\d.]+)%{1,2} in ([\d.]+) secs$", re.MULTILINE)
STATUS = re.compile(r"^\[(\d+)\] (\d+) responses$", re.MULTILINE)
ERRORS = "Error distribution:"
ERROR = re.compile(r"^\[(\d+)\] (?!\d+ responses$).*", re.MULTILINE)
MAX_RESULTS = 1_000_000  # further requests count in its rate only
UNSURE = "It does not end as hey's output does, and its numbers are too large to detect whether errors were cut off."
CAPPED = (
    f"hey keeps {MAX_RESULTS:,} results: of about {{sent:,.0f}} requests the others count in its rate only. Its mean, "
    "a sum over all divided by those kept, is left out; its other times are those of the first million."
)
BEGIN = re.compile(r"^Summary:\n+Total: ", re.MULTILINE)
KNOWN = line_pattern(
    r"Summary:|(?:Total|Slowest|Fastest|Average|Requests/sec|Total data|Size/request): .*|Details .*|DNS\+dialup: .*",
    r"(?:DNS-lookup|req write|resp wait|resp read): .*|Response time histogram:|.* distribution:",
    BAR.pattern,
    PERCENTILE.pattern,
    STATUS.pattern,
    ERROR.pattern,
)

CSV_BEGIN = re.compile(r"^\"?response-time\"?,.*status-code\"?,\"?offset", re.MULTILINE)
CSV_NO_COUNT = (
    "hey -o csv has no number of requests: requests without an answer are missing, and rows may be cut off. Compare "
    "its {rows} rows with the number of requests of the command line."
)
CSV_CAPPED = (
    f"It has {MAX_RESULTS:,} rows, the maximum of hey: further requests are missing, and its times are those of the "
    "first million. Its mean is left out."
)


def parse_rows(text: str) -> list[TimedAnswer]:
    """Return the rows of hey -o csv. Raise ValueError if they are incomplete."""
    if not CSV_BEGIN.match(text):
        raise ValueError(f"it does not begin with hey's header but with {text[:80]!r}. Measure again.")
    lines = whole_lines(text)
    try:
        return [
            TimedAnswer(1e6 * float(row["offset"]), 1e6 * float(row["response-time"]), int(row["status-code"]))
            for row in csv.DictReader(lines)
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"it has a line that is not a request: {error}. Measure again.") from error


def _read_rows(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    rows = parse_rows(text)
    if not rows:
        raise ValueError("it has no line but its header: no request was answered, or it is cut off. Measure again.")
    timed = run.with_result(result_of_answers(rows, RESOLUTION_US))
    is_capped = len(rows) == MAX_RESULTS
    yield replace(
        timed,
        requests_per_s=len(rows) / timed.duration_s if timed.duration_s else None,
        mean_us=None if is_capped else timed.mean_us,
        remarks=(CSV_CAPPED if is_capped else CSV_NO_COUNT.format(rows=len(rows)),),
    )


def _read_output(text: str, run: ImportedRun) -> Iterator[ImportedRun]:
    total_s, slowest_s, fastest_s, average_s, rate = map(float, read_lines(text, LINES))
    statuses = {status: int(count) for status, count in STATUS.findall(text)}
    answered, unanswered = sum(statuses.values()), sum(map(int, ERROR.findall(text.partition(ERRORS)[2])))
    right, failures = split_statuses(statuses)
    is_capped = answered == MAX_RESULTS and rate * total_s > (MAX_RESULTS + unanswered) * (1 + ROUNDING)
    if is_capped:
        remarks: tuple[str, ...] = (CAPPED.format(sent=rate * total_s),)
    else:
        remarks = _check_complete(text, rate, total_s, answered, unanswered)
    # hey prints 0 % for the percentiles that too few requests leave open.
    between = {float(percent): 1e6 * float(time) for percent, time in PERCENTILE.findall(text) if float(percent)}
    yield replace(
        run,
        requests=right,
        failures=failures | {"no answer": unanswered},
        duration_s=total_s,
        requests_per_s=rate,
        mean_us=1e6 * average_s if right and not is_capped else None,
        mean_resolution_us=RESOLUTION_US,
        percentiles_us={0.0: 1e6 * fastest_s, **between, 100.0: 1e6 * slowest_s},
        resolution_us=RESOLUTION_US,
        remarks=remarks,
    )


def _check_complete(text: str, rate: float, total_s: float, answered: int, unanswered: int) -> tuple[str, ...]:
    """Compare statuses and errors with the rate and the histogram; raise ValueError where the output is truncated."""
    drawn, sent = sum(map(int, BAR.findall(text))), rate * total_s
    rounding = 0.5 + HALF_DIGIT_S * (rate + total_s)
    if drawn != answered or abs(answered + unanswered - sent) > rounding:
        raise ValueError(
            f"of about {sent:.0f} requests, its histogram has {drawn}, its statuses {answered} and its errors "
            f"{unanswered}: it is cut off, or its numbers were changed. Measure again."
        )
    end = "\n\n" if unanswered else "\n\n\n\n"
    return () if rounding < 1 or text.endswith(end) else (UNSURE,)


PLUGINS = {
    "hey": ImportFormat(
        "Output of hey: times to 0.1 ms; includes connect time and failed statuses.",
        FormatMarks(begins=BEGIN),
        _read_output,
        KNOWN,
        rate_option="-q",
    ),
    "hey-csv": ImportFormat(
        "Output of hey -o csv: a row for each answered request, times to 0.1 ms; unanswered requests are missing.",
        FormatMarks(begins=CSV_BEGIN),
        _read_rows,
        rate_option="-q",
    ),
}
