"""Renders what a bare exchange costs over each transport, and what they differ by."""

from collections.abc import Iterator
from statistics import fmean

from harness.analysis.why.plausibility import floor_difference
from harness.model import Floor, FloorRow
from harness.report import page
from harness.report.page import Paragraph, grid
from harness.report.why.words import us

REFERENCE = "tcp"
WHAT = {"connect": "connect, ask, answer, close", "ping-pong": "ask and answer on a standing connection"}


def render_floor(floor: Floor, *, width: int | None = None, color: bool = False) -> str:
    """A line for each exchange, transport and size."""
    table = grid()
    for header in ("exchange", "bytes", "transport", "us", f"against {REFERENCE}"):
        table.add_column(header, justify="right" if header in ("bytes", "us") else "left")
    for row in floor.rows:
        mean_us = f"{fmean(row.runs_us):.1f}" if row.runs_us else "-"
        table.add_row(WHAT[row.kind], str(row.payload_bytes), row.transport, mean_us, _against(row, floor))
    return page.render([table, "", *map(Paragraph, _notes())], width=width, color=color)


def _against(row: FloorRow, floor: Floor) -> str:
    if row.transport == REFERENCE:
        return ""
    found = floor_difference(floor, row.kind, (row.transport, REFERENCE), row.payload_bytes)
    return us(found) if found else "-"


def _notes() -> Iterator[str]:
    yield (
        "Between two pinned processes, both in Python, so the amounts are higher than a C program's and the "
        "differences are the kernel's. pyperf measures one after the other: drift is in the differences."
    )
