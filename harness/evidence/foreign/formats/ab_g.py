"""What ab -g writes: single times in whole milliseconds, in rising order, so that a cut takes the slowest away."""

import csv
from collections.abc import Sequence
from dataclasses import replace

from harness.model import Foreign, Outcome, Reader

HEADER = "starttime\tseconds\tctime\tdtime\tttime\twait"
RESOLUTION_US = 1000.0
ENDLESS = (
    "ab -g writes the slowest requests last and not how many there were: were it cut between two lines, the slowest "
    "would be missing unseen. Compare its {rows} rows with what ab printed."
)


def _recognises(text: str) -> bool:
    return text.startswith(HEADER)


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    if not text.endswith("\n"):
        raise ValueError("its last line has no end: it is cut off. Measure again.")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    try:
        times_us = [1000.0 * int(row["ttime"]) for row in rows]
    except (ValueError, TypeError) as error:
        raise ValueError(f"it has a line without a whole ttime: {error}. Measure again.") from error
    if not times_us:
        raise ValueError("it has no line but its header. Measure again.")
    found = Outcome.of_times(times_us, {}, 0.0, RESOLUTION_US)
    return [
        replace(
            run,
            requests=len(times_us),
            mean_us=found.mean_us or None,
            mean_resolution_us=RESOLUTION_US,
            percentiles_us=found.percentiles_us,
            resolution_us=RESOLUTION_US,
            latency_us=found.latency_us,
            remarks=(ENDLESS.format(rows=len(rows)),),
        )
    ]


PLUGIN = Reader(recognises=_recognises, read=_read)
