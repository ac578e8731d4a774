"""Output of hey -o csv: a row for each answered request, times to 0.1 ms; unanswered requests are missing."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from harness.model import FormatMarks, ImportedRun, ImportFormat, ToolResult

HEADER = re.compile(r"^\"?response-time\"?,.*status-code\"?,\"?offset", re.MULTILINE)
MAX_RESULTS = 1_000_000
RESOLUTION_US = 100.0
NO_COUNT = (
    "hey -o csv has no number of requests: requests without an answer are missing, and rows may be cut off. Compare "
    "its {rows} rows with the number of requests of the command line."
)
CAPPED = (
    f"It has {MAX_RESULTS:,} rows, the maximum of hey: further requests are missing, and its times are those of the "
    "first million. Its mean is left out."
)


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    if not text.endswith("\n"):
        raise ValueError("its last line is incomplete: it is cut off. Measure again.")
    rows = _rows(text)
    if not rows:
        raise ValueError("it has no line but its header: no request was answered, or it is cut off. Measure again.")
    succeeded_us = [1e6 * time_s for time_s, status, _ in rows if 200 <= status < 300]
    failures = Counter(f"status {status}" for _, status, _ in rows if not 200 <= status < 300)
    duration_s = max(time_s + begin_s for time_s, _, begin_s in rows) - min(begin_s for *_, begin_s in rows)
    outcome = ToolResult.from_times(succeeded_us, failures, duration_s, RESOLUTION_US)
    is_capped = len(rows) == MAX_RESULTS
    return [
        replace(
            run,
            requests=outcome.requests,
            failures=outcome.failures,
            duration_s=duration_s or None,
            requests_per_s=len(rows) / duration_s if duration_s else None,
            mean_us=None if is_capped else outcome.mean_us or None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us=outcome.percentiles_us,
            resolution_us=RESOLUTION_US,
            latency_us=outcome.latency_us,
            remarks=(CAPPED if is_capped else NO_COUNT.format(rows=len(rows)),),
        )
    ]


def _rows(text: str) -> list[tuple[float, int, float]]:
    """Return (time in s, status, start in s) of each request."""
    try:
        return [
            (float(row["response-time"]), int(row["status-code"]), float(row["offset"]))
            for row in csv.DictReader(text.splitlines())
        ]
    except (ValueError, TypeError) as error:
        raise ValueError(f"it has a line that is not a request: {error}. Measure again.") from error


PLUGIN = ImportFormat(FormatMarks(begins=HEADER), _read, rate_option="-q")
