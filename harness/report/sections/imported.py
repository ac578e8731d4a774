"""Results from elsewhere beside those of the arms, without verdicts: imported ones, and those of the write-up."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from math import ceil, log10
from statistics import fmean

from harness.model import ArmSummary, ImportedRun, Summary
from harness.model.tools import is_consistent
from harness.report.document import Column, NumberCell, Row, Section, Table, TextCell
from harness.report.format import format_signed, join_with_and, pluralize
from harness.report.select import ELSEWHERE, P99, group_by_architecture, known_values
from harness.report.table import ABSENT, DataTable, TableCell, TableRow, TextSection, format_milliseconds, format_rate

IMPORTED_HEADING = "Imported results"
HERE = "here"
UNNAMED_PLACES = HERE, ELSEWHERE
IMPORTED_HEADER = (
    "architecture",
    "runs",
    "requests/s\nleast to most",
    "ms/request\nleast to most",
    "p99 ms\nleast to most",
    "failed",
)
NOT_COMPARABLE = (
    "These were measured at another time, with another tool, perhaps on another machine: their difference from the "
    "arms here is not the cost of the hop. `barehop validate` reports what can be concluded from them."
)
SINGLE_RUNS = "Single runs give no estimate of the variation between runs: {}."
MAX_NAMED = 3
SEED_TABLE = "seed_results.csv"
SEED_REQUESTS = 1000  # of each cell: ab -n 1000 -c 1
SEED_HEADING = "Compared with the write-up that this project starts from"
SEED_COLUMNS = (Column("architecture"), Column("requests", "per s"), Column("ms", "per request"), Column("p99", "ms"))


@dataclass(frozen=True, slots=True)
class RunValues:
    """One quantity of several runs, with the decimals that their resolution deserves."""

    values: Sequence[float]
    places: int

    def cell(self) -> TableCell:
        """Return the mean, with the lowest and highest value of several runs."""
        if not self.values:
            return ABSENT, ""
        mean, *ends = (f"{value:.{self.places}f}" for value in (fmean(self.values), min(self.values), max(self.values)))
        return mean, " to ".join(ends) if len(self.values) > 1 else ""


def imported_sections(summary: Summary) -> list[TextSection]:
    """Return a table of the arms here, and one for each place of imported results, if there are any."""
    if not summary.foreign:
        return []
    groups = group_by_architecture(summary.foreign)
    places = {HERE: [_arm_row(name, arm) for name, arm in summary.arms.items()]}
    for runs in groups.values():
        places.setdefault(runs[0].where or ELSEWHERE, []).append(_runs_row(runs))
    sheets = [
        DataTable(place.capitalize() if place in UNNAMED_PLACES else place, IMPORTED_HEADER, rows)
        for place, rows in places.items()
    ]
    return [TextSection(IMPORTED_HEADING, list(_sentences(groups)), sheets)]


def _sentences(groups: Mapping[str, Sequence[ImportedRun]]) -> Iterator[str]:
    yield NOT_COMPARABLE
    single = [name for name, runs in groups.items() if len(runs) == 1]
    if single:
        yield SINGLE_RUNS.format(
            join_with_and(single) if len(single) <= MAX_NAMED else pluralize(len(single), "architecture")
        )
    for name, runs in groups.items():
        yield from (f"{name}: {remark}" for remark in dict.fromkeys(r for run in runs for r in run.remarks))


def _arm_row(name: str, arm: ArmSummary) -> TableRow:
    cells = (
        format_rate(arm.requests_per_s),
        format_milliseconds(arm.mean_us),
        format_milliseconds(arm.p99_us),
        str(arm.failed),
    )
    return ((name, ""), ("", ""), *((text, "") for text in cells))


def _runs_row(runs: Sequence[ImportedRun]) -> TableRow:
    means_us, p99s_us = (known_values(r.mean_us for r in runs), known_values(r.percentiles_us.get(P99) for r in runs))
    failed = sum(count for run in runs for count in run.failures.values())
    return (
        (runs[0].architecture, ""),
        (str(len(runs)), ""),
        RunValues(known_values(run.requests_per_s for run in runs), 1).cell(),
        RunValues(
            [us / 1000 for us in means_us], _milliseconds_decimals(run.mean_resolution_us for run in runs)
        ).cell(),
        RunValues([us / 1000 for us in p99s_us], _milliseconds_decimals(run.resolution_us for run in runs)).cell(),
        (str(failed), "") if any(run.requests is not None for run in runs) or failed else (ABSENT, ""),
    )


def _milliseconds_decimals(resolutions_us: Iterable[float | None]) -> int:
    """Return the decimals of milliseconds, at most three, that the coarsest resolution allows."""
    coarsest_us = max(known_values(resolutions_us), default=1.0)
    return min(max(ceil(3 - log10(coarsest_us)), 0), 3)


@dataclass(frozen=True, slots=True)
class PublishedCell:
    """One architecture at one place, with the three columns of the write-up."""

    where: str
    architecture: str
    requests_per_s: float | None
    ms_per_request: float | None
    p99_ms: float | None


def published_cells() -> list[PublishedCell]:
    """Return the numbers of the write-up: each cell is one run."""
    text = files("harness.report.sections").joinpath(SEED_TABLE).read_text(encoding="utf-8")
    return [
        PublishedCell(
            row["where"],
            row["architecture"],
            float(row["requests_per_s"]),
            float(row["ms_per_request"]),
            float(row["p99_ms"]),
        )
        for row in csv.DictReader(text.splitlines())
    ]


def cells_beside(summary: Summary) -> list[PublishedCell]:
    """Return this result, then the published ones; empty unless every published architecture is an arm."""
    cells = published_cells()
    architectures = list(dict.fromkeys(cell.architecture for cell in cells))
    if not set(architectures) <= summary.arms.keys():
        return []
    return [*(_measured_cell(summary, name) for name in architectures), *cells]


def _measured_cell(summary: Summary, name: str) -> PublishedCell:
    arm = summary.arms[name]
    return PublishedCell(HERE, name, arm.requests_per_s, _optional_ms(arm.mean_us), _optional_ms(arm.p99_us))


def _optional_ms(us: float | None) -> float | None:
    return None if us is None else us / 1000


def percent_against_first(cell: PublishedCell, cells: Sequence[PublishedCell]) -> float | None:
    """Return time per request against the first architecture of the place, in percent; negative is faster."""
    first = next(other for other in cells if other.where == cell.where)
    if cell is first or not cell.requests_per_s or not first.requests_per_s:
        return None
    return 100 * (first.requests_per_s / cell.requests_per_s - 1)


def inconsistent_cells(cells: Sequence[PublishedCell]) -> Iterator[str]:
    """Yield a sentence for each published cell with a rate that contradicts its time per request."""
    for cell in cells:
        if cell.where == HERE or not cell.requests_per_s or not cell.ms_per_request:
            continue
        implied_ms = 1000 / cell.requests_per_s
        if not is_consistent(implied_ms, cell.ms_per_request):
            yield (
                f"{cell.where} {cell.architecture} is inconsistent: {cell.ms_per_request:g} ms per request, but its "
                f"{cell.requests_per_s:.2f} requests/s imply {implied_ms:.3f} ms at 1 connection."
            )


def seed_sections(summary: Summary) -> list[Section]:
    """Return the table with its explanation; nothing if the experiment is another one."""
    cells = cells_beside(summary)
    if not cells:
        return []
    note = (
        f"Each published row is a single run. Last column: time per request against {cells[0].architecture} "
        "at the same place, computed from requests/s."
    )
    return [Section(SEED_HEADING, tables=[_seed_table(cells)], notes=[note, *inconsistent_cells(cells)])]


def _seed_table(cells: Sequence[PublishedCell]) -> Table:
    rows: list[Row] = []
    for where, group in groupby(cells, lambda cell: cell.where):
        rows += [Row([TextCell(where)]), *(_seed_row(cell, percent_against_first(cell, cells)) for cell in group)]
    return Table("Here, and as published", [*SEED_COLUMNS, Column("against", cells[0].architecture)], rows)


def _seed_row(cell: PublishedCell, percent: float | None) -> Row:
    texts = (
        _optional_text(cell.requests_per_s, ".2f"),
        _optional_text(cell.ms_per_request, ".3f"),
        _optional_text(cell.p99_ms, ".3f" if cell.where == HERE else "g"),
        "" if percent is None else f"{format_signed(percent, 1)} %",
    )
    return Row([TextCell(cell.architecture), *map(NumberCell, texts)], is_inner=True)


def _optional_text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
