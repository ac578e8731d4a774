"""What `floor` prints: the cost of a bare exchange over each transport, and the differences."""

from collections.abc import Iterator
from statistics import fmean

from harness.analysis.why.plausibility import floor_difference
from harness.model import Floor, FloorRow
from harness.report import page
from harness.report.page import Paragraph, grid
from harness.report.why.words import us

REFERENCE = "tcp"
WHAT = {"connect": "connect, request, response, close", "ping-pong": "request and response on an open connection"}


def render_floor(floor: Floor, *, width: int | None = None, color: bool = False) -> str:
    """Return one line for each exchange, transport and payload size."""
    table = grid()
    for header in ("exchange", "bytes", "transport", "us", f"against {REFERENCE}"):
        table.add_column(header, justify="right" if header in ("bytes", "us") else "left")
    for row in floor.rows:
        mean_us = f"{fmean(row.runs_us):.1f}" if row.runs_us else "-"
        table.add_row(WHAT[row.kind], str(row.payload_bytes), row.transport, mean_us, _difference_text(row, floor))
    return page.render([table, "", *map(Paragraph, _floor_notes())], width=width, color=color)


def _difference_text(row: FloorRow, floor: Floor) -> str:
    if row.transport == REFERENCE:
        return ""
    difference_us = floor_difference(floor, row.kind, (row.transport, REFERENCE), row.payload_bytes)
    return us(difference_us) if difference_us else "-"


def _floor_notes() -> Iterator[str]:
    yield (
        "Measured between two pinned Python processes: the times are higher than those of a C program, the differences "
        "are caused by the kernel. pyperf runs one transport after the other, so the differences include drift."
    )
