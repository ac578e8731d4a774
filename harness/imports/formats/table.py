"""A CSV table with a row for each run: where, architecture, requests_per_s, ms_per_request, p99_ms, and others."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.imports.numbers import DecimalMark, count_decimals, decimal_mark, is_unknown, parse_number
from harness.model import FormatMarks, ImportedRun, ImportFormat
from harness.model.tools import is_consistent

ARCHITECTURE = "architecture"
NUMBERS = ("requests_per_s", "ms_per_request")
TIMES = ("ms_per_request", "p50_ms", "p90_ms", "p99_ms")
COUNTS = ("requests", "failed", "connections")
COLUMNS = {"where", ARCHITECTURE, "requests_per_s", *TIMES, *COUNTS}
UNIT_HINTS = {1e3: "as if it were in us", 1e-3: "as if it were in s"}
FROM_RATE = "Its time per request is calculated from its rate with one connection."
RATE_OR_TIME = r"req(?:uest)?s?[ _]*(?:per[ _]*|/ *)s(?:ec)?|rps|ms[ _]*(?:per[ _]*|/ *)req(?:uest)?"
CELL = r"(?=(?:.*[,;\t])?[ \"]*(?:{})[ \"]*(?:[,;\t]|$))"
HEADING = re.compile(rf"^(?!\d){CELL.format(ARCHITECTURE)}{CELL.format(RATE_OR_TIME)}.*$", re.IGNORECASE | re.MULTILINE)
ALIASES = {
    "requests_s": "requests_per_s",
    "requests_sec": "requests_per_s",
    "requests_per_sec": "requests_per_s",
    "req_s": "requests_per_s",
    "req_sec": "requests_per_s",
    "rps": "requests_per_s",
    "ms_req": "ms_per_request",
    "ms_request": "ms_per_request",
}


@dataclass(frozen=True, slots=True)
class ImportRow:
    """The cells of a line by column, and the decimal mark of the table."""

    line: int
    cells: dict[str, str]
    mark: DecimalMark | None

    def text(self, name: str) -> str:
        """Return the cell; "" where it is empty or unknown."""
        cell = self.cells.get(name, "")
        return "" if is_unknown(cell) else cell

    def number(self, name: str) -> float | None:
        """Return the number in a cell; None where it is empty. Raise ValueError with the column."""
        text = self.text(name)
        try:
            return parse_number(text, self.mark) if text else None
        except ValueError as error:
            raise ValueError(f"{name} in line {self.line} is {error}.") from None

    def count(self, name: str) -> int | None:
        """Return the count in a cell. A count has no decimals, so a single comma separates thousands."""
        number = replace(self, mark=self.mark or ".").number(name)
        if number is not None and not number.is_integer():
            raise ValueError(f"{name} in line {self.line} is {self.text(name)!r}, not a whole number. Correct it.")
        return None if number is None else int(number)

    def resolution_us(self, name: str) -> float | None:
        """Return the value of the last digit of a time in ms."""
        text = self.text(name)
        return 1000 * 10.0 ** -count_decimals(text, self.mark) if text else None


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    if not text.endswith("\n"):
        raise ValueError("its last line has no line end, so it may be cut off. If it is complete, add a line end.")
    first = text.split("\n", 1)[0]
    separator = max(";\t,", key=first.count)
    header, *rows = csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True)
    names = [_column(name) for name in header]
    filled = list(_filled_rows(rows, names))
    names = [name for name in names if name]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or len(set(names)) < len(names):
        raise ValueError(f"its columns are {', '.join(names)}; allowed, once each: {', '.join(sorted(COLUMNS))}.")
    numbers = [names.index(name) for name in names if name not in ("where", ARCHITECTURE)]
    cells_of_numbers = (cells[index] for _, cells in filled for index in numbers)
    mark = decimal_mark(cells_of_numbers, "," if separator == ";" else None)
    return [_run(ImportRow(line, dict(zip(names, cells, strict=True)), mark), run) for line, cells in filled]


def _column(name: str) -> str:
    """Return the standard name of a heading: "Requests / s" is requests_per_s."""
    column = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return ALIASES.get(column, column)


def _filled_rows(rows: Sequence[Sequence[str]], names: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with their line number, without columns that have no heading."""
    min_cells = max((number for number, name in enumerate(names, start=1) if name), default=0)
    for line, row in enumerate(rows, start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        while len(cells) > min_cells and not cells[-1]:
            cells.pop()
        if len(cells) > len(names) or len(cells) < min_cells:
            commas = ". Put numbers with a decimal comma in quotes" if len(cells) > len(names) else ""
            raise ValueError(f"line {line} has {len(cells)} cells under {min_cells} columns{commas}. Complete it.")
        yield line, _named_cells(line, cells, names)


def _named_cells(line: int, cells: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the cells of columns with a heading. Raise ValueError for a value in a column without one."""
    stray = next(((index, cell) for index, cell in enumerate(cells) if cell and not names[index]), None)
    if stray:
        index, cell = stray
        raise ValueError(f"line {line} has {cell!r} in column {index + 1}, which has no heading. Name the column.")
    return [cell for cell, name in zip(cells, names, strict=False) if name]


def _run(row: ImportRow, run: ImportedRun) -> ImportedRun:
    failed, requests, connections = (row.count(name) for name in ("failed", "requests", "connections"))
    rate, ms = (row.number(name) for name in NUMBERS)
    if not row.text(ARCHITECTURE):
        raise ValueError(f"line {row.line} has no architecture. Name it.")
    parsed = replace(
        run,
        where=row.text("where"),
        architecture=row.text(ARCHITECTURE),
        requests=None if requests is None else requests - (failed or 0),
        failures={"failed": failed} if failed else {},
        connections=connections,
        requests_per_s=rate,
        mean_us=None if ms is None else 1000 * ms,
        mean_resolution_us=row.resolution_us("ms_per_request"),
        percentiles_us=_percentiles_us(row),
        resolution_us=max((row.resolution_us(name) or 0 for name in TIMES if name.startswith("p")), default=0) or None,
    )
    timed = _with_time_from_rate(parsed)
    return replace(timed, remarks=(*timed.remarks, *_contradiction(parsed)))


def _percentiles_us(row: ImportRow) -> dict[float, float]:
    values = {float(name[1:-3]): row.number(name) for name in TIMES if name.startswith("p")}
    return {percent: 1000 * ms for percent, ms in values.items() if ms is not None}


def _with_time_from_rate(run: ImportedRun) -> ImportedRun:
    """Calculate a missing time from the rate of a row with one connection, which is the default."""
    rate = run.requests_per_s or 0.0
    if run.mean_us is not None or not rate > 0 or run.connections not in (None, 1):
        return run
    return replace(run, mean_us=1e6 / rate, connections=1, remarks=(FROM_RATE,))


def _contradiction(run: ImportedRun) -> Iterator[str]:
    """Yield a remark where, with one connection, the time per request is not the inverse of the rate."""
    if run.connections or not (run.in_flight and run.requests_per_s and run.mean_us):
        return
    if not is_consistent(run.in_flight, 1):
        hints = (f", {hint}" for factor, hint in UNIT_HINTS.items() if is_consistent(run.in_flight, factor))
        yield (
            f"{run.mean_us / 1000:g} ms per request does not fit {run.requests_per_s:.2f} requests/s{next(hints, '')}: "
            f"with one connection that is {1000 / run.requests_per_s:.3f} ms. If there were more, add a column "
            "connections."
        )


PLUGINS = {
    "table": ImportFormat(
        "A CSV table with a row for each run: where, architecture, requests_per_s, ms_per_request, p99_ms, and others.",
        FormatMarks(begins=HEADING),
        _read,
        has_tabs=True,
    )
}
