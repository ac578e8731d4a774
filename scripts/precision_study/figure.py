"""The figure of the methods: what each one reports where there is nothing to find."""

from collections.abc import Sequence

import numpy as np

from harness.report.document import Figure, Guide, Mark, Points, Style
from harness.report.figures.style import COLORS, axis_around, row_axis, row_heading
from harness.report.format import join_with_and
from scripts.precision_study.table import Finding, Row

ROW_HEIGHT = 66  # pixels
FIRST, LAST = -0.17, 0.31  # of a row, from its middle: the places of the first and the last repetition
TITLES = {"ab-blocks": "ab in a loop", "ab-interleaved": "ab, interleaved"}
RIGHT, FALSE_ALARM = Style(COLORS[0]), Style(COLORS[1], "diamond")


def equal_arms_figure(rows: Sequence[Row], findings: Sequence[Finding]) -> Figure:
    """Return the A/A difference of each repetition with its 95 % interval, a row for each method."""
    ends = [end for one in findings for end in (one.control.percent_low, one.control.percent_high)]
    x = axis_around([0, *ends], "difference of tcp from itself, as reported; the truth is 0", " %")
    marks: list[Mark] = [Guide(0), Points((), (), RIGHT, "no difference"), Points((), (), FALSE_ALARM, "false alarm")]
    for place, row in enumerate(rows):
        marks.append(row_heading(place, x, TITLES.get(row.method, row.method), _error_text(row)))
        marks += _intervals(place, [one for one in findings if one.method == row.method])
    texts = [f"{TITLES.get(row.method, row.method)} {_error_text(row)}" for row in rows]
    alt = f"The difference of tcp from itself that each method reports: {join_with_and(texts)}."
    title = "TCP compared with itself, by each method in equal time"
    return Figure("equal-arms", alt, ROW_HEIGHT * len(rows), x, row_axis(len(rows)), marks, title)


def _error_text(row: Row) -> str:
    return f"off by {row.off_percent:.2g} %, {row.alarms} of {row.repeats} false alarms"


def _intervals(place: int, findings: Sequence[Finding]) -> list[Points]:
    heights = np.linspace(place + FIRST, place + LAST, len(findings)).tolist()
    return [
        Points(
            [one.control.percent],
            [height],
            FALSE_ALARM if one.control.excludes_zero else RIGHT,
            lows=[one.control.percent_low],
            highs=[one.control.percent_high],
        )
        for one, height in zip(findings, heights, strict=True)
    ]
