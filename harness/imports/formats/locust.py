"""File ..._stats.csv of locust --csv: exact mean, percentiles rounded to two digits."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.model import FormatMarks, ImportedRun, ImportFormat

OLDER_COLUMNS = {  # column names of releases before 1.0
    "# requests": "Request Count",
    "# failures": "Failure Count",
    "Average response time": "Average Response Time",
}
TOTAL_NAMES = ("Aggregated", "Total")
STATS_HEADING = r'"?(?:Type|Method)"?,"?Name"?,"?(?:Request Count|# requests)"?,'
OTHER_HEADINGS = (
    r'"?Timestamp"?,"?User Count"?,',
    r'"?Method"?,"?Name"?,"?Error"?,"?Occurrences',
    r'"?(?:Count|Error)"?,"?Message"?,"?Traceback',
    r'"?Name"?,"?# requests"?,"?50%',  # percentiles only, of releases before 1.0
)
BEGIN = re.compile("|".join(f"^{heading}" for heading in (STATS_HEADING, *OTHER_HEADINGS)), re.MULTILINE)
PERCENTILE = re.compile(r"(\d+(?:\.\d+)?)%?")
UNKNOWN_CELLS = ("N/A", "")


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    if not re.match(STATS_HEADING, text):
        raise ValueError(
            "it is another file of locust; times and counts of the whole run are in ..._stats.csv. Give that file."
        )
    header, *lines = filter(None, csv.reader(text.splitlines()))
    names = [OLDER_COLUMNS.get(name, name) for name in header]
    rows = [dict(zip(names, line, strict=False)) for line in lines]
    if not text.endswith("\n") or not rows or rows[-1].get("Name") not in TOTAL_NAMES:
        raise ValueError("it does not end with the row Aggregated: it is cut off. Give the whole file.")
    try:
        return [_run(rows, run)]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a row is not what locust writes: {error}. Give the file that locust wrote.") from error


def _run(rows: Sequence[Mapping[str, str]], run: ImportedRun) -> ImportedRun:
    *kinds, row = rows
    requests, failed, mean_ms = int(row["Request Count"]), int(row["Failure Count"]), row["Average Response Time"]
    columns = {PERCENTILE.fullmatch(name): cell for name, cell in row.items() if cell not in UNKNOWN_CELLS}
    percentiles_ms = {float(name[1]): float(cell) for name, cell in columns.items() if name}
    # locust rounds times from 100 ms on to two digits, others to ms. Before 1.0, it wrote means in whole ms.
    digits = len(str(int(max(percentiles_ms.values(), default=0.0))))
    return replace(
        run,
        requests=requests - failed,
        failures={"failed": failed},
        requests_per_s=float(row["Requests/s"]) or None,
        mean_us=1000 * float(mean_ms) or None,
        mean_resolution_us=0.001 if "." in mean_ms else 1000.0,
        percentiles_us={percent: 1000 * ms for percent, ms in percentiles_ms.items()},
        resolution_us=1000 * 10.0 ** max(digits - 2, 0),
        remarks=_remarks([int(kind["Request Count"]) for kind in kinds], requests),
    )


def _remarks(kinds: Sequence[int], requests: int) -> tuple[str, ...]:
    """Return remarks on the number of requests of each kind."""
    used_kinds = sum(count > 0 for count in kinds)
    remarks = (f"Its numbers are those of {used_kinds} kinds of requests together.",) if used_kinds > 1 else ()
    if sum(kinds) == requests:
        return remarks
    return (*remarks, f"It counts {requests} requests, but the rows above have {sum(kinds)}: rows may be missing.")


PLUGINS = {"locust": ImportFormat(__doc__, FormatMarks(BEGIN), _read)}
