"""What hey prints: times to 0.1 ms, connecting included, those of failed statuses among them."""

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.model import Foreign, Reader

FIGURES = ("Total", "Slowest", "Fastest", "Average", "Requests/sec")
TIMES_US = 100.0  # it prints seconds with four digits after the point
HALF = 0.00005  # of the last digit, which is what rounding hides
BAR = re.compile(r"^\s+[\d.]+ \[(\d+)\]\t\|", re.MULTILINE)
PERCENTILE = re.compile(r"^\s+([\d.]+)% in ([\d.]+) secs$", re.MULTILINE)
STATUS = re.compile(r"^\s+\[(\d+)\]\t(\d+) responses$", re.MULTILINE)
ERROR = re.compile(r"^\s+\[(\d+)\]\t(?!\d+ responses$)", re.MULTILINE)
UNSURE = "It does not end as hey ends, and its numbers are too great to tell whether errors were cut off."


def _recognises(text: str) -> bool:
    return text.lstrip().startswith("Summary:\n") and "Requests/sec:" in text


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    total_s, slowest_s, fastest_s, average_s, rate = (_figure(text, label) for label in FIGURES)
    statuses = {int(status): int(count) for status, count in STATUS.findall(text)}
    unanswered = sum(map(int, ERROR.findall(text.partition("Error distribution:")[2])))
    right = sum(count for status, count in statuses.items() if 200 <= status < 300)
    failures = {f"status {status}": count for status, count in statuses.items() if not 200 <= status < 300}
    remarks = _whole(text, rate, total_s, sum(statuses.values()), unanswered)
    return [
        replace(
            run,
            requests=right,
            failures=failures | ({"no answer": unanswered} if unanswered else {}),
            duration_s=total_s,
            requests_per_s=rate,
            mean_us=1e6 * average_s if right else None,
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
    unit = "" if label == "Requests/sec" else " secs"
    found = re.search(rf"^\s+{label}:\s+([\d.]+|NaN){unit}$", text, re.MULTILINE)
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


PLUGIN = Reader(recognises=_recognises, read=_read)
