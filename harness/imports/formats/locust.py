"""File ..._stats.csv of locust --csv: exact mean, percentiles rounded to two digits."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.model import FormatMarks, ImportedRun, ImportFormat

OLDER_COLUMNS = {  # column names of releases before 1.0
    "Method": "Type",
    "# requests": "Request Count",
    "# failures": "Failure Count",
    "Median response time": "Median Response Time",
    "Average response time": "Average Response Time",
    "Min response time": "Min Response Time",
    "Max response time": "Max Response Time",
    "Requests Failed/s": "Failures/s",
}
TOTAL_NAMES = ("Aggregated", "Total")
STATS_HEADING = r'"?(?:Type|Method)"?,"?Name"?,"?(?:Request Count|# requests)"?,'
OTHER_HEADINGS = (
    r'"?Timestamp"?,"?User Count"?,',
    r'"?Method"?,"?Name"?,"?Error"?,"?Occurrences',
    r'"?(?:Count|Error)"?,"?Message"?,"?Traceback',
    r'"?Name"?,"?# requests"?,"?50%',  # percentiles only, of releases before 1.0
)
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
    requests, failed = int(row["Request Count"]), int(row["Failure Count"])
    percentiles_us = _percentiles_us(row)
    return replace(
        run,
        requests=requests - failed,
        failures={"failed": failed} if failed else {},
        requests_per_s=float(row["Requests/s"]) or None,
        mean_us=1000 * float(row["Average Response Time"]) or None,
        mean_resolution_us=_mean_resolution_us(row["Average Response Time"]),
        percentiles_us=percentiles_us,
        resolution_us=_resolution_us(max(percentiles_us.values(), default=0.0)),
        remarks=_remarks(kinds, requests),
    )


def _remarks(kinds: Sequence[Mapping[str, str]], requests: int) -> tuple[str, ...]:
    total = sum(int(kind["Request Count"]) for kind in kinds)
    used_kinds = sum(int(kind["Request Count"]) > 0 for kind in kinds)
    remarks = (f"Its numbers are those of {used_kinds} kinds of requests together.",) if used_kinds > 1 else ()
    if total == requests:
        return remarks
    return (*remarks, f"It counts {requests} requests, but the rows above have {total}: rows may be missing.")


def _percentiles_us(row: Mapping[str, str]) -> dict[float, float]:
    columns = {PERCENTILE.fullmatch(name): text for name, text in row.items()}
    return {float(name[1]): 1000 * float(text) for name, text in columns.items() if name and text not in UNKNOWN_CELLS}


def _mean_resolution_us(ms: str) -> float:
    """Return the resolution of the mean: releases before 1.0 write whole milliseconds."""
    return 0.001 if "." in ms else 1000.0


def _resolution_us(max_us: float) -> float:
    """Return the resolution of percentiles: locust rounds times from 100 ms on to two digits, others to ms."""
    ms = 10.0 ** max(len(str(int(max_us / 1000))) - 2, 0)
    return 1000 * ms


PLUGINS = {
    "locust": ImportFormat(
        "File ..._stats.csv of locust --csv: exact mean, percentiles rounded to two digits.",
        FormatMarks(
            begins=re.compile("|".join(f"^{heading}" for heading in (STATS_HEADING, *OTHER_HEADINGS)), re.MULTILINE)
        ),
        _read,
    )
}
