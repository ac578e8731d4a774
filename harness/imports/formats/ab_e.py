"""File of ab -e: percentiles to 1 us; neither mean nor number of requests."""

import csv
import re
from collections.abc import Sequence
from dataclasses import replace

from harness.model import FormatMarks, ImportedRun, ImportFormat

HEADER = re.compile("^Percentage served,Time in ms", re.MULTILINE)
OLDER = "It ends with the 99th percentile, as written by older releases of ab: the slowest request is unknown."
OLDER_ROWS, ROWS = 100, 101


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    _, *rows = filter(None, csv.reader(text.splitlines()))
    if not text.endswith("\n") or len(rows) not in (OLDER_ROWS, ROWS):
        raise ValueError(
            f"it has {len(rows)} rows or a part of one, not {ROWS} whole ones: it is cut off. Measure again."
        )
    try:
        percentiles_us = {float(percent): 1000 * float(ms) for percent, ms in rows}
    except ValueError as error:
        raise ValueError(f"it has a row that is not two numbers: {error}. Measure again.") from error
    if list(percentiles_us) != list(range(len(rows))):
        raise ValueError(f"its percentages are not 0 to {len(rows) - 1}. Measure again.")
    remarks = () if len(rows) == ROWS else (OLDER,)
    return [replace(run, percentiles_us=percentiles_us, resolution_us=1.0, remarks=remarks)]


PLUGIN = ImportFormat(FormatMarks(begins=HEADER), _read)
