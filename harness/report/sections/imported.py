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
from harness.report.cells import ABSENT, format_milliseconds, format_rate
from harness.report.document import Column, NumberCell, Row, Section, Table, TextCell
from harness.report.figures.distributions import imported_figure
from harness.report.format import format_signed, join_with_and, pluralize
from harness.report.select import ELSEWHERE, P99, group_by_architecture, known_values

HERE = "here"
IMPORTED_COLUMNS = (
    Column("architecture"),
    Column("runs"),
    Column("requests/s", "least to most"),
    Column("ms/request", "least to most"),
    Column("p99 ms", "least to most"),
    Column("failed"),
)
NOT_COMPARABLE = (
    "These were measured at another time, with another tool, perhaps on another machine: their difference from the "
    "arms here is not the cost of the hop. `barehop validate` reports what can be concluded from them."
)
MAX_NAMED = 3
SEED_TABLE = "seed_results.csv"
SEED_REQUESTS = 1000  # of each cell: ab -n 1000 -c 1
SEED_COLUMNS = (Column("architecture"), Column("requests", "per s"), Column("ms", "per request"), Column("p99", "ms"))


def imported_sections(summary: Summary) -> list[Section]:
    """Return a table of the arms here, and one for each place of imported results, if there are any."""
    if not summary.foreign:
        return []
    groups = group_by_architecture(summary.foreign)
    places = {HERE: [_arm_row(name, arm) for name, arm in summary.arms.items()]}
    for runs in groups.values():
        places.setdefault(runs[0].where or ELSEWHERE, []).append(_runs_row(runs))
    tables = [
        Table(place.capitalize() if place in (HERE, ELSEWHERE) else place, IMPORTED_COLUMNS, rows)
        for place, rows in places.items()
    ]
    figure = imported_figure(summary)
    return [Section("Imported results", list(_sentences(groups)), tables, figures=[figure] if figure else [])]


def _sentences(groups: Mapping[str, Sequence[ImportedRun]]) -> Iterator[str]:
    yield NOT_COMPARABLE
    single = [name for name, runs in groups.items() if len(runs) == 1]
    if single:
        names = join_with_and(single) if len(single) <= MAX_NAMED else pluralize(len(single), "architecture")
        yield f"Single runs give no estimate of the variation between runs: {names}."
    for name, runs in groups.items():
        yield from (f"{name}: {remark}" for remark in dict.fromkeys(r for run in runs for r in run.remarks))


def _arm_row(name: str, arm: ArmSummary) -> Row:
    times = (format_milliseconds(us) for us in (arm.mean_us, arm.p99_us))
    return Row([TextCell(name), *map(NumberCell, ("", format_rate(arm.requests_per_s), *times, str(arm.failed)))])


def _runs_row(runs: Sequence[ImportedRun]) -> Row:
    failed = sum(count for run in runs for count in run.failures.values())
    is_known = failed or any(run.requests is not None for run in runs)
    return Row(
        [
            TextCell(runs[0].architecture),
            NumberCell(str(len(runs))),
            _range_cell((run.requests_per_s for run in runs), 1),
            _range_cell(_ms(run.mean_us for run in runs), _ms_decimals(run.mean_resolution_us for run in runs)),
            _range_cell(
                _ms(run.percentiles_us.get(P99) for run in runs), _ms_decimals(run.resolution_us for run in runs)
            ),
            NumberCell(str(failed) if is_known else ABSENT),
        ]
    )


def _range_cell(values: Iterable[float | None], decimals: int) -> NumberCell:
    """Return the mean, with the lowest and highest value of several runs."""
    known = known_values(values)
    if not known:
        return NumberCell(ABSENT)
    mean, *ends = (f"{value:.{decimals}f}" for value in (fmean(known), min(known), max(known)))
    return NumberCell(mean, " to ".join(ends) if len(known) > 1 else "")


def _ms(values_us: Iterable[float | None]) -> list[float]:
    return [us / 1000 for us in known_values(values_us)]


def _ms_decimals(resolutions_us: Iterable[float | None]) -> int:
    """Return the decimals of milliseconds, at most three, that the coarsest resolution allows."""
    coarsest_us = max(known_values(resolutions_us), default=1.0)
    return min(max(ceil(3 - log10(coarsest_us)), 0), 3)


# The write-up that the project starts from


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
    text = files("harness.imports").joinpath(SEED_TABLE).read_text(encoding="utf-8")
    return [
        PublishedCell(where, architecture, *map(float, numbers))
        for where, architecture, *numbers in list(csv.reader(text.splitlines()))[1:]
    ]


def own_and_published_cells(summary: Summary) -> list[PublishedCell]:
    """Return this result, then the published ones; empty unless every published architecture is an arm."""
    cells = published_cells()
    architectures = list(dict.fromkeys(cell.architecture for cell in cells))
    if not set(architectures) <= summary.arms.keys():
        return []
    return [*(_cell_of_arm(name, summary.arms[name]) for name in architectures), *cells]


def _cell_of_arm(name: str, arm: ArmSummary) -> PublishedCell:
    mean_ms, p99_ms = (us and us / 1000 for us in (arm.mean_us, arm.p99_us))
    return PublishedCell(HERE, name, arm.requests_per_s, mean_ms, p99_ms)


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
    cells = own_and_published_cells(summary)
    if not cells:
        return []
    reference, rows = cells[0].architecture, list[Row]()
    for where, group in groupby(cells, lambda cell: cell.where):
        rows += [Row([TextCell(where)]), *(_seed_row(cell, percent_against_first(cell, cells)) for cell in group)]
    note = (
        f"Each published row is a single run. Last column: time per request against {reference} at the same place, "
        "computed from requests/s."
    )
    table = Table("Here, and as published", [*SEED_COLUMNS, Column("against", reference)], rows)
    heading = "Compared with the write-up that this project starts from"
    return [Section(heading, tables=[table], notes=[note, *inconsistent_cells(cells)])]


def _seed_row(cell: PublishedCell, percent: float | None) -> Row:
    p99_form = ".3f" if cell.where == HERE else "g"
    numbers = ((cell.requests_per_s, ".2f"), (cell.ms_per_request, ".3f"), (cell.p99_ms, p99_form))
    texts = [ABSENT if value is None else format(value, form) for value, form in numbers]
    against = "" if percent is None else f"{format_signed(percent, 1)} %"
    return Row([TextCell(cell.architecture), *map(NumberCell, (*texts, against))], is_inner=True)
