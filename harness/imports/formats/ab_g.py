"""File of ab -g: single times in whole ms, in rising order; the slowest may be cut off."""

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.model import FormatMarks, ImportedRun, ImportFormat, ToolResult

HEADER = re.compile("^starttime +seconds +ctime +dtime +ttime +wait$", re.MULTILINE)
ROW = re.compile(r".*\S +\d+ +\d+ +\d+ +(\d+) +\d+")  # the start time has blanks in it
RESOLUTION_US = 1000.0
NO_COUNT = (
    "ab -g writes the slowest requests last, and no number of requests: if it was cut between two lines, the slowest "
    "are missing. Compare its {rows} rows with what ab printed."
)


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    if not text.endswith("\n"):
        raise ValueError("its last line is incomplete: it is cut off. Measure again.")
    _, *rows = filter(None, text.split("\n"))
    times_us = [1000.0 * _ttime_ms(row) for row in rows]
    if not times_us:
        raise ValueError("it has no line but its header. Measure again.")
    outcome = ToolResult.from_times(times_us, {}, 0.0, RESOLUTION_US)
    return [
        replace(
            run,
            requests=len(times_us),
            mean_us=outcome.mean_us or None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us=outcome.percentiles_us,
            resolution_us=RESOLUTION_US,
            latency_us=outcome.latency_us,
            remarks=(NO_COUNT.format(rows=len(rows)),),
        )
    ]


def _ttime_ms(row: str) -> int:
    match = ROW.fullmatch(row)
    if match is None:
        raise ValueError(f"its line {row!r} has no whole ttime. Measure again.")
    return int(match[1])


PLUGIN = ImportFormat(FormatMarks(begins=HEADER), _read)
