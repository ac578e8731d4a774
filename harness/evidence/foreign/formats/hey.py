"""What hey prints: times to 0.1 ms, connecting included, those of failed statuses among them."""

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.model import Foreign, Marks, Reader
from harness.model.printed import lines_like

FIGURES = ("Total", "Slowest", "Fastest", "Average", "Requests/sec")
TIMES_US = 100.0  # it prints seconds with four digits after the point
ROUNDING = 1e-4  # far above what it makes of so many requests
HALF = 0.00005  # of the last digit, which is what rounding hides
BAR = re.compile(r"^[\d.]+ +\[(\d+)\] *\|.*", re.MULTILINE)
PERCENTILE = re.compile(r"^([\d.]+)%{1,2} +in +([\d.]+) +secs$", re.MULTILINE)
STATUS = re.compile(r"^\[(\d+)\] +(\d+) +responses$", re.MULTILINE)
ERRORS = "Error distribution:"
ERROR = re.compile(r"^\[(\d+)\] +(?!\d+ +responses$).*", re.MULTILINE)
MOST_KEPT = 1_000_000  # results; it counts more in its rate alone
UNSURE = "It does not end as hey ends, and its numbers are too great to tell whether errors were cut off."
KEPT = (
    f"hey keeps {MOST_KEPT:,} results: of about {{asked:,.0f}} requests the rest are in its rate alone. Its mean, the "
    "sum over all by the number of those kept, is left out; its other times are those of the first million."
)
BEGIN = re.compile(r"^Summary:\n+Total: ", re.MULTILINE)
KNOWN = lines_like(
    r"Summary:|(?:Total|Slowest|Fastest|Average|Requests/sec|Total data|Size/request): .*|Details .*|DNS\+dialup: .*",
    r"(?:DNS-lookup|req write|resp wait|resp read): .*|Response time histogram:|.* distribution:",
    BAR.pattern,
    PERCENTILE.pattern,
    STATUS.pattern,
    ERROR.pattern,
)


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    total_s, slowest_s, fastest_s, average_s, rate = (_figure(text, label) for label in FIGURES)
    statuses = {int(status): int(count) for status, count in STATUS.findall(text)}
    unanswered = sum(map(int, ERROR.findall(text.partition(ERRORS)[2])))
    right = sum(count for status, count in statuses.items() if 200 <= status < 300)
    failures = {f"status {status}": count for status, count in statuses.items() if not 200 <= status < 300}
    answered = sum(statuses.values())
    is_capped = answered == MOST_KEPT and rate * total_s > (MOST_KEPT + unanswered) * (1 + ROUNDING)
    remarks = (KEPT.format(asked=rate * total_s),) if is_capped else _whole(text, rate, total_s, answered, unanswered)
    return [
        replace(
            run,
            requests=right,
            failures=failures | ({"no answer": unanswered} if unanswered else {}),
            duration_s=total_s,
            requests_per_s=rate,
            mean_us=1e6 * average_s if right and not is_capped else None,
            mean_resolution_us=TIMES_US,
            percentiles_us=_percentiles_us(text, fastest_s, slowest_s),
            resolution_us=TIMES_US,
            remarks=remarks,
        )
    ]


def _percentiles_us(text: str, fastest_s: float, slowest_s: float) -> dict[float, float]:
    """Those that too few requests leave open hey prints as 0 %."""
    between = {float(percent): 1e6 * float(time) for percent, time in PERCENTILE.findall(text) if float(percent)}
    return {0.0: 1e6 * fastest_s, **between, 100.0: 1e6 * slowest_s}


def _figure(text: str, label: str) -> float:
    unit = "" if label == "Requests/sec" else " +secs"
    found = re.search(rf"^{label}: +([\d.]+|NaN){unit}$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"it has no line {label}{' in secs' if unit else ''}: it is cut off. Measure again.")
    return float(found[1])


def _whole(text: str, rate: float, total_s: float, answered: int, unanswered: int) -> tuple[str, ...]:
    """hey's rate counts all requests, and its histogram those with an answer: an end that is missing shows in both."""
    drawn, asked = sum(map(int, BAR.findall(text))), rate * total_s
    unsure = 0.5 + asked * (HALF / total_s + HALF / rate)
    if drawn != answered or abs(answered + unanswered - asked) > unsure:
        raise ValueError(
            f"of about {asked:.0f} requests it draws {drawn}, and tells a status of {answered} and an error of "
            f"{unanswered}: it is cut off, or its numbers were changed. Measure again."
        )
    ends = "\n\n" if unanswered else "\n\n\n\n"
    return () if unsure < 1 or text.endswith(ends) else (UNSURE,)


PLUGIN = Reader(Marks(begins=BEGIN), _read, KNOWN, rate_option="-q")
