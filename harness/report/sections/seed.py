"""The published numbers of the write-up that the project starts from, beside a result with the same arms."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.model import Summary
from harness.model.tools import is_consistent
from harness.report.format import format_signed
from harness.report.rich_tables import Paragraph, bold_heading, empty_table

SEED_TABLE = "seed_results.csv"
SEED_REQUESTS = 1000  # of each cell: ab -n 1000 -c 1
HERE = "here"


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
    text = files("harness.report").joinpath(SEED_TABLE).read_text(encoding="utf-8")
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


def seed_section(summary: Summary) -> Iterator[RenderableType]:
    """Yield the table with its explanation; nothing if the experiment is another one."""
    cells = cells_beside(summary)
    if not cells:
        return
    yield ""
    yield bold_heading("Compared with the write-up that this project starts from")
    yield _seed_table(cells)
    yield ""
    yield Paragraph(
        f"Each published row is a single run. Last column: time per request against {cells[0].architecture} "
        "at the same place, computed from requests/s.",
        indent="  ",
    )
    for misfit in inconsistent_cells(cells):
        yield Paragraph(misfit, indent="  ")


def _seed_table(cells: Sequence[PublishedCell]) -> Table:
    table = empty_table()
    table.add_column("", overflow="fold")
    for header in ("requests\nper s", "ms per\nrequest", "p99\nms", f"against\n{cells[0].architecture}"):
        table.add_column(header, justify="right", no_wrap=True)
    for where, group in groupby(cells, lambda cell: cell.where):
        table.add_row(Text(where, style="bold"))
        for cell in group:
            table.add_row(*_seed_row(cell, percent_against_first(cell, cells)))
        table.add_section()
    return table


def _seed_row(cell: PublishedCell, percent: float | None) -> tuple[str, ...]:
    return (
        f"  {cell.architecture}",
        _optional_text(cell.requests_per_s, ".2f"),
        _optional_text(cell.ms_per_request, ".3f"),
        _optional_text(cell.p99_ms, ".3f" if cell.where == HERE else "g"),
        "" if percent is None else f"{format_signed(percent, 1)} %",
    )


def _optional_text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
