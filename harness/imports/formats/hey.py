"""Output of hey: times to 0.1 ms; includes connect time and failed statuses."""

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.imports.numbers import line_pattern
from harness.model import FormatMarks, ImportedRun, ImportFormat

LABELS = ("Total", "Slowest", "Fastest", "Average", "Requests/sec")
RESOLUTION_US = 100.0  # it prints seconds with four digits after the point
ROUNDING = 1e-4  # far above the rounding error with so many requests
HALF_DIGIT_S = 0.00005  # the rounding error of a time
BAR = re.compile(r"^[\d.]+ +\[(\d+)\] *\|.*", re.MULTILINE)
PERCENTILE = re.compile(r"^([\d.]+)%{1,2} +in +([\d.]+) +secs$", re.MULTILINE)
STATUS = re.compile(r"^\[(\d+)\] +(\d+) +responses$", re.MULTILINE)
ERRORS = "Error distribution:"
ERROR = re.compile(r"^\[(\d+)\] +(?!\d+ +responses$).*", re.MULTILINE)
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


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    total_s, slowest_s, fastest_s, average_s, rate = (_figure(text, label) for label in LABELS)
    statuses = {int(status): int(count) for status, count in STATUS.findall(text)}
    unanswered = sum(map(int, ERROR.findall(text.partition(ERRORS)[2])))
    right = sum(count for status, count in statuses.items() if 200 <= status < 300)
    failures = {f"status {status}": count for status, count in statuses.items() if not 200 <= status < 300}
    answered = sum(statuses.values())
    is_capped = answered == MAX_RESULTS and rate * total_s > (MAX_RESULTS + unanswered) * (1 + ROUNDING)
    if is_capped:
        remarks: tuple[str, ...] = (CAPPED.format(sent=rate * total_s),)
    else:
        remarks = _check_complete(text, rate, total_s, answered, unanswered)
    return [
        replace(
            run,
            requests=right,
            failures=failures | ({"no answer": unanswered} if unanswered else {}),
            duration_s=total_s,
            requests_per_s=rate,
            mean_us=1e6 * average_s if right and not is_capped else None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us=_percentiles_us(text, fastest_s, slowest_s),
            resolution_us=RESOLUTION_US,
            remarks=remarks,
        )
    ]


def _percentiles_us(text: str, fastest_s: float, slowest_s: float) -> dict[float, float]:
    """Return the percentiles; hey prints 0 % for those that too few requests leave open."""
    between = {float(percent): 1e6 * float(time) for percent, time in PERCENTILE.findall(text) if float(percent)}
    return {0.0: 1e6 * fastest_s, **between, 100.0: 1e6 * slowest_s}


def _figure(text: str, label: str) -> float:
    unit = "" if label == "Requests/sec" else " +secs"
    match = re.search(rf"^{label}: +([\d.]+|NaN){unit}$", text, re.MULTILINE)
    if match is None:
        raise ValueError(f"it has no line {label}{' in secs' if unit else ''}: it is cut off. Measure again.")
    return float(match[1])


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


PLUGIN = ImportFormat(FormatMarks(begins=BEGIN), _read, KNOWN, rate_option="-q")
