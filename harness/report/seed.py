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
from harness.report.page import Paragraph, grid, heading
from harness.report.wording import signed

TABLE = "seed_results.csv"
REQUESTS = 1000  # of each cell: ab -n 1000 -c 1
HERE = "here"
TOLERANCE = 0.01  # rounding to three decimals explains far less


@dataclass(frozen=True, slots=True)
class Cell:
    """One architecture at one place, with the three columns of the write-up."""

    where: str
    architecture: str
    requests_per_s: float | None
    ms_per_request: float | None
    p99_ms: float | None


def published() -> list[Cell]:
    """Return the numbers of the write-up: each cell is one run."""
    text = files("harness.report").joinpath(TABLE).read_text(encoding="utf-8")
    return [
        Cell(
            row["where"],
            row["architecture"],
            float(row["requests_per_s"]),
            float(row["ms_per_request"]),
            float(row["p99_ms"]),
        )
        for row in csv.DictReader(text.splitlines())
    ]


def beside(summary: Summary) -> list[Cell]:
    """Return this result, then the published ones; empty unless every published architecture is an arm."""
    cells = published()
    architectures = list(dict.fromkeys(cell.architecture for cell in cells))
    if not set(architectures) <= summary.arms.keys():
        return []
    return [*(_here(summary, name) for name in architectures), *cells]


def _here(summary: Summary, name: str) -> Cell:
    arm = summary.arms[name]
    return Cell(HERE, name, arm.requests_per_s, _ms(arm.mean_us), _ms(arm.p99_us))


def _ms(us: float | None) -> float | None:
    return None if us is None else us / 1000


def against_first(cell: Cell, cells: Sequence[Cell]) -> float | None:
    """Return time per request against the first architecture of the place, in percent; negative is faster."""
    first = next(other for other in cells if other.where == cell.where)
    if cell is first or not cell.requests_per_s or not first.requests_per_s:
        return None
    return 100 * (first.requests_per_s / cell.requests_per_s - 1)


def misfits(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield a sentence for each published cell with a rate that contradicts its time per request."""
    for cell in cells:
        if cell.where == HERE or not cell.requests_per_s or not cell.ms_per_request:
            continue
        implied_ms = 1000 / cell.requests_per_s
        if abs(implied_ms / cell.ms_per_request - 1) > TOLERANCE:
            yield (
                f"{cell.where} {cell.architecture} is inconsistent: {cell.ms_per_request:g} ms per request, but its "
                f"{cell.requests_per_s:.2f} requests/s imply {implied_ms:.3f} ms at 1 connection."
            )


def section(summary: Summary) -> Iterator[RenderableType]:
    """Yield the table with its explanation; nothing if the experiment is another one."""
    cells = beside(summary)
    if not cells:
        return
    yield ""
    yield heading("Compared with the write-up that this project starts from")
    yield _table(cells)
    yield ""
    yield Paragraph(
        f"Each published row is a single run. Last column: time per request against {cells[0].architecture} "
        "at the same place, computed from requests/s.",
        indent="  ",
    )
    for misfit in misfits(cells):
        yield Paragraph(misfit, indent="  ")


def _table(cells: Sequence[Cell]) -> Table:
    table = grid()
    table.add_column("", overflow="fold")
    for header in ("requests\nper s", "ms per\nrequest", "p99\nms", f"against\n{cells[0].architecture}"):
        table.add_column(header, justify="right", no_wrap=True)
    for where, group in groupby(cells, lambda cell: cell.where):
        table.add_row(Text(where, style="bold"))
        for cell in group:
            table.add_row(*_row(cell, against_first(cell, cells)))
        table.add_section()
    return table


def _row(cell: Cell, percent: float | None) -> tuple[str, ...]:
    return (
        f"  {cell.architecture}",
        _text(cell.requests_per_s, ".2f"),
        _text(cell.ms_per_request, ".3f"),
        _text(cell.p99_ms, ".3f" if cell.where == HERE else "g"),
        "" if percent is None else f"{signed(percent, 1)} %",
    )


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
