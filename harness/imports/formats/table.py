"""A CSV table with a row for each run: where, architecture, requests_per_s, ms_per_request, p99_ms, and others."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.model import FormatMarks, ImportedRun, ImportFormat
from harness.model.tools import is_consistent

DecimalMark = Literal[".", ","]

ARCHITECTURE, RATE, TIME = "architecture", "requests_per_s", "ms_per_request"
PERCENTILES = {50.0: "p50_ms", 90.0: "p90_ms", 99.0: "p99_ms"}
NUMBERS = {RATE, TIME, *PERCENTILES.values(), "requests", "failed", "connections"}
COLUMNS = {"where", ARCHITECTURE, *NUMBERS}
UNIT_HINTS = {1e3: "as if it were in us", 1e-3: "as if it were in s"}
FROM_RATE = "Its time per request is calculated from its rate with one connection."
RATE_OR_TIME = r"req(?:uest)?s?[ _]*(?:per[ _]*|/ *)s(?:ec)?|rps|ms[ _]*(?:per[ _]*|/ *)req(?:uest)?"
CELL = r"(?=(?:.*[,;\t])?[ \"]*(?:{})[ \"]*(?:[,;\t]|$))"
HEADING = re.compile(rf"^(?!\d){CELL.format(ARCHITECTURE)}{CELL.format(RATE_OR_TIME)}.*$", re.IGNORECASE | re.MULTILINE)
ALIASES = dict.fromkeys(
    ("requests_s", "requests_sec", "requests_per_sec", "req_s", "req_sec", "rps"), RATE
) | dict.fromkeys(("ms_req", "ms_request"), TIME)

UNKNOWN_CELLS = ("", "-", "\u2013", "n/a", "na", "none", "null")
THOUSANDS_SEPARATOR = re.compile(r"(?<=\d)['\u2019 _](?=\d{3}(?!\d))")  # 1 679, 1'679, 1_679
PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
GROUPED_NUMBER = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*")  # 1,679 or 1.679.000, or three decimals
GROUPED_DECIMAL = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})+(?!\1)([.,])\d+")  # 1,679.77 or 1.679,77
COMMA_DECIMAL = re.compile(r"[+-]?\d+,\d+")


def decimal_mark(cells: Iterable[str], usual: DecimalMark | None = None) -> DecimalMark | None:
    """Return the decimal mark of a table from its unambiguous cells, or else `usual` if any cell has it.

    Raise ValueError if two cells contradict each other.
    """
    cell_by_mark: dict[DecimalMark, str] = {}
    numbers = list(cells)
    for cell in numbers:
        mark = _sure_mark(THOUSANDS_SEPARATOR.sub("", cell.strip()))
        if mark:
            cell_by_mark.setdefault(mark, cell)
    if len(cell_by_mark) > 1:
        raise ValueError(
            f"it has {cell_by_mark['.']!r} with a decimal point and {cell_by_mark[',']!r} with a decimal comma. "
            "Write all its numbers with a point."
        )
    return next(iter(cell_by_mark), usual if usual and any(usual in cell for cell in numbers) else None)


def _sure_mark(cell: str) -> DecimalMark | None:
    both = GROUPED_DECIMAL.fullmatch(cell)
    if both:
        return "," if both[2] == "," else "."
    groups = GROUPED_NUMBER.fullmatch(cell)
    if groups:
        return None if cell.count(groups[1]) == 1 else "." if groups[1] == "," else ","
    if COMMA_DECIMAL.fullmatch(cell):
        return ","
    return "." if "." in cell and PLAIN_NUMBER.fullmatch(cell) else None


def parse_number(text: str, mark: DecimalMark | None) -> float:
    """Return the number in a cell of a table with that decimal mark. Raise ValueError with the reason."""
    bare = THOUSANDS_SEPARATOR.sub("", text.strip())
    if mark is None and GROUPED_NUMBER.fullmatch(bare) and bare.count(",") == 1:
        both = f"{bare.replace(',', '.')} or {bare.replace(',', '')}"
        raise ValueError(f"{text!r}, which can mean {both}. Write it without a comma")
    thousands = "." if mark == "," else ","
    is_grouped = re.fullmatch(rf"[+-]?\d{{1,3}}(?:\{thousands}\d{{3}})+(\D\d+)?", bare)
    if is_grouped and bare.count(thousands) > (1 if mark is None else 0):
        bare = bare.replace(thousands, "")
    try:
        return float(bare.replace(",", ".") if mark == "," else bare)
    except ValueError:
        has_unit = re.search(r"\d\s*[a-zA-Zµ%]", text)
        comma_hint = ". Write its decimals with a point" if "," in text else ""
        hint = ". Write it without its unit" if has_unit else comma_hint
        raise ValueError(f"{text!r}, which is no number{hint}") from None


@dataclass(frozen=True, slots=True)
class ImportRow:
    """The cells of a line by column, and the decimal mark of the table."""

    line: int
    cells: dict[str, str]
    mark: DecimalMark | None

    def text(self, name: str) -> str:
        """Return the cell; "" where it is empty or unknown."""
        cell = self.cells.get(name, "")
        return "" if cell.lower() in UNKNOWN_CELLS else cell

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
        return 1000 * 10.0 ** -len(text.partition(self.mark or ".")[2]) if text else None


def _read(text: str, run: ImportedRun) -> Sequence[ImportedRun]:
    if not text.endswith("\n"):
        raise ValueError("its last line has no line end, so it may be cut off. If it is complete, add a line end.")
    separator = max(";\t,", key=text.split("\n", 1)[0].count)
    header, *lines = csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True)
    names = [_column(name) for name in header]
    rows = list(_filled_rows(lines, names))
    named = [name for name in names if name]
    if not set(named) <= COLUMNS or len(set(named)) < len(named):
        raise ValueError(f"its columns are {', '.join(named)}; allowed, once each: {', '.join(sorted(COLUMNS))}.")
    numbers = (cell for _, cells in rows for name, cell in cells.items() if name in NUMBERS)
    mark = decimal_mark(numbers, "," if separator == ";" else None)
    return [_run(ImportRow(line, cells, mark), run) for line, cells in rows]


def _column(name: str) -> str:
    """Return the standard name of a heading: "Requests / s" is requests_per_s."""
    column = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return ALIASES.get(column, column)


def _filled_rows(rows: Sequence[Sequence[str]], names: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows that are not empty: their line number, and the cells of columns with a heading."""
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
        for column, (name, cell) in enumerate(zip(names, cells, strict=False), start=1):
            if cell and not name:
                raise ValueError(f"line {line} has {cell!r} in column {column}, which has no heading. Name the column.")
        yield line, {name: cell for name, cell in zip(names, cells, strict=False) if name}


def _run(row: ImportRow, run: ImportedRun) -> ImportedRun:
    failed, requests = row.count("failed"), row.count("requests")
    rate, ms = row.number(RATE), row.number(TIME)
    percentiles_ms = {percent: row.number(name) for percent, name in PERCENTILES.items()}
    if not row.text(ARCHITECTURE):
        raise ValueError(f"line {row.line} has no architecture. Name it.")
    parsed = replace(
        run,
        where=row.text("where"),
        architecture=row.text(ARCHITECTURE),
        requests=None if requests is None else requests - (failed or 0),
        failures={"failed": failed or 0},
        connections=row.count("connections"),
        requests_per_s=rate,
        mean_us=None if ms is None else 1000 * ms,
        mean_resolution_us=row.resolution_us(TIME),
        percentiles_us={percent: 1000 * time_ms for percent, time_ms in percentiles_ms.items() if time_ms is not None},
        resolution_us=max(row.resolution_us(name) or 0 for name in PERCENTILES.values()) or None,
    )
    if rate and rate > 0 and ms is None and parsed.connections in (None, 1):  # one connection is the default
        return replace(parsed, mean_us=1e6 / rate, connections=1, remarks=(FROM_RATE,))
    return replace(parsed, remarks=tuple(_contradiction(parsed)))


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


PLUGINS = {"table": ImportFormat(__doc__, FormatMarks(HEADING, has_tabs=True), _read)}
