"""What locust --csv writes as ..._stats.csv: the mean as it is, percentiles rounded to two digits."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.model import Foreign, Reader

HEADER = "Type,Name,Request Count,Failure Count,"
HISTORY = "Timestamp,User Count,Type,Name,"
OTHER_HEADERS = ("Method,Name,Error,Occurrences", "Count,Message,Traceback,Nodes")


def _recognises(text: str) -> bool:
    return text.startswith((HEADER, HISTORY, *OTHER_HEADERS))


def _read(text: str, run: Foreign) -> Sequence[Foreign]:
    if not text.startswith(HEADER):
        raise ValueError(
            "it is another of locust's files; times and counts of the whole run are in ..._stats.csv. Give that."
        )
    rows = list(csv.DictReader(text.splitlines()))
    if not text.endswith("\n") or not rows or rows[-1]["Name"] != "Aggregated":
        raise ValueError("it does not end with the row Aggregated: it is cut off. Give locust's file as a whole.")
    try:
        if sum(int(row["Request Count"]) for row in rows[:-1]) != int(rows[-1]["Request Count"]):
            raise ValueError("the rows above Aggregated have another number of requests.")
        return [_run(rows[-1], run, len(rows) - 1)]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a row is not what locust writes: {error}. Give locust's file as it was.") from error


def _run(row: Mapping[str, str], run: Foreign, kinds: int) -> Foreign:
    requests, failed = int(row["Request Count"]), int(row["Failure Count"])
    percentiles_us = _percentiles_us(row)
    remarks = (f"Its numbers are those of {kinds} kinds of requests together.",) if kinds > 1 else ()
    return replace(
        run,
        requests=requests - failed,
        failures={"failed": failed} if failed else {},
        requests_per_s=float(row["Requests/s"]) or None,
        mean_us=1000 * float(row["Average Response Time"]) or None,
        mean_resolution_us=0.001,
        percentiles_us=percentiles_us,
        resolution_us=_resolution_us(max(percentiles_us.values(), default=0.0)),
        remarks=remarks,
    )


def _percentiles_us(row: Mapping[str, str]) -> dict[float, float]:
    columns = {float(name[:-1]): text for name, text in row.items() if re.fullmatch(r"[\d.]+%", name)}
    return {percent: 1000 * float(text) for percent, text in columns.items() if text != "N/A"}


def _resolution_us(greatest_us: float) -> float:
    """locust rounds times from 100 ms on to two digits, and others to milliseconds."""
    ms = 10.0 ** max(len(str(int(greatest_us / 1000))) - 2, 0)
    return 1000 * ms


PLUGIN = Reader(recognises=_recognises, read=_read)
