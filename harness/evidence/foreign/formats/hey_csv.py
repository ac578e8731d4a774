"""What hey -o csv prints: a row for each answered request, times to 0.1 ms; requests without an answer are left out."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from harness.model import Foreign, Marks, Outcome, Reader

HEADER = re.compile(r"^\"?response-time\"?,.*status-code\"?,\"?offset", re.MULTILINE)
MOST_KEPT = 1_000_000
RESOLUTION_US = 100.0
ENDLESS = (
    "hey -o csv does not say how many requests there were: those without an answer, and rows that were cut off between "
    "two lines, would be missing unseen. Compare its {rows} rows with how many were asked for."
)
KEPT = (
    f"It has {MOST_KEPT:,} rows, the most that hey keeps: if more were asked for, the others are missing, and its "
    "times are those of the first million alone. Its mean is left out."
)


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    if not text.endswith("\n"):
        raise ValueError("its last line has no end: it is cut off. Measure again.")
    rows = _rows(text)
    if not rows:
        raise ValueError("it has no line but its header: no request was answered, or it is cut off. Measure again.")
    right_us = [1e6 * time_s for time_s, status, _ in rows if 200 <= status < 300]
    failures = Counter(f"status {status}" for _, status, _ in rows if not 200 <= status < 300)
    duration_s = max(time_s + begin_s for time_s, _, begin_s in rows) - min(begin_s for *_, begin_s in rows)
    found = Outcome.of_times(right_us, failures, duration_s, RESOLUTION_US)
    is_capped = len(rows) == MOST_KEPT
    return [
        replace(
            run,
            requests=found.requests,
            failures=found.failures,
            duration_s=duration_s or None,
            requests_per_s=len(rows) / duration_s if duration_s else None,
            mean_us=None if is_capped else found.mean_us or None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us=found.percentiles_us,
            resolution_us=RESOLUTION_US,
            latency_us=found.latency_us,
            remarks=(KEPT if is_capped else ENDLESS.format(rows=len(rows)),),
        )
    ]


def _rows(text: str) -> list[tuple[float, int, float]]:
    """(time in s, status, begin in s)."""
    try:
        return [
            (float(row["response-time"]), int(row["status-code"]), float(row["offset"]))
            for row in csv.DictReader(text.splitlines())
        ]
    except (ValueError, TypeError) as error:
        raise ValueError(f"it has a line that is no request: {error}. Measure again.") from error


PLUGIN = Reader(Marks(begins=HEADER), _read, rate_option="-q")
