"""Draws comparisons as rows: each with its interval, or with what every session says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from harness.analysis.exhibits import SessionEffects
from harness.model import Comparison, Design, Metric, Summary
from harness.report.html.figures.style import (
    BAND,
    INK,
    TEXT,
    Appearance,
    Figure,
    Json,
    appearances,
    axis,
    label,
    layout,
    mark,
    note,
    short,
    span,
    whiskers,
)
from harness.report.html.typeset import typeset
from harness.report.selection import by_root, compared, controls
from harness.report.wording import Estimate, decimals, listed, percent_of, signed

ROW, ROW_OF_DOTS, BENEATH = 48, 66, 62  # pixels
SPREAD = 0.22  # of a row, to either side of its middle
ABOVE = 0.45  # of a row: where its name stands
FAR = 100.0  # percent from an estimate, beyond which its interval is not followed: two sessions' knows no bounds
WHAT: Mapping[Metric, str] = {
    "latency": "time per request",
    "mean": "mean time per request",
    "cpu": "CPU time per request",
    "throughput": "time from one request to the next",
    "capacity": "time per request at capacity",
}


@dataclass(frozen=True, slots=True)
class Row:
    comparison: Comparison
    estimate: Estimate
    look: Appearance
    alone: bool  # whether all rows have one reference, which then need not be named


def forest(summary: Summary, design: Design, metric: Metric) -> Figure | None:
    """The comparisons with their intervals and the band of equivalence; None without any interval."""
    rows = list(_rows(summary, metric))
    if not rows:
        return None
    data = [_interval(place, row.estimate, row.look) for place, row in enumerate(rows)]
    alt = f"Difference in {WHAT[metric]} with its interval: {listed([_said(row) for row in rows])}."
    return Figure(f"forest-{metric}", alt, data, _frame(rows, design, metric))


def per_session(summary: Summary, design: Design, metric: Metric, effects: Sequence[SessionEffects]) -> Figure | None:
    """A dot for each session, the first on top, about the estimate and its interval."""
    of_pair = {(each.arm, each.against): each for each in effects if each.metric == metric}
    rows = [row for row in _rows(summary, metric) if (row.comparison.arm, row.comparison.against) in of_pair]
    if not rows:
        return None
    seen = [of_pair[row.comparison.arm, row.comparison.against] for row in rows]
    means = [_interval(place, row.estimate, Appearance(INK, "line-ns-open", "solid")) for place, row in enumerate(rows)]
    dots = [_dots(place, each, row.look) for place, (each, row) in enumerate(zip(seen, rows, strict=True))]
    alt = f"Difference in {WHAT[metric]}, session by session: {listed([_scatter(each) for each in seen])}."
    frame = _frame(rows, design, metric, dots=list(chain.from_iterable(each.percent for each in seen)))
    return Figure(f"sessions-{metric}", alt, [*dots, *means], frame)


def _rows(summary: Summary, metric: Metric) -> Iterator[Row]:
    """What was asked first, then the control, reference by reference."""
    groups = by_root([*compared(summary, metric), *controls(summary, metric)])
    drawn_as = appearances(summary)
    for group in groups.values():
        for comparison in group:
            estimate = percent_of(comparison)
            if estimate:
                yield Row(
                    comparison, estimate, drawn_as[comparison.arm], alone=len(groups) == 1 and not summary.ladders
                )


def _interval(place: int, estimate: Estimate, look: Appearance) -> Json:
    low, high = _ends(estimate, 2 * FAR)  # so that it is seen to leave the figure
    return {
        "type": "scatter",
        "mode": "markers",
        "x": short([estimate.value]),
        "y": [place],
        "marker": {"color": look.color, "symbol": look.symbol, "size": 10, "line": {"color": look.color, "width": 2}},
        "error_x": whiskers([low], [estimate.value], [high], look.color),
        "hovertemplate": f"{_text(estimate)}<extra></extra>",
    }


def _ends(estimate: Estimate, far: float) -> tuple[float, float]:
    return max(estimate.low, estimate.value - far), min(estimate.high, estimate.value + far)


def _dots(place: int, seen: SessionEffects, look: Appearance) -> Json:
    heights = np.linspace(place - SPREAD, place + SPREAD, len(seen.percent))
    return {
        "type": "scatter",
        "x": short(seen.percent),
        "y": short(heights.tolist()),
        "customdata": list(seen.sessions),
        "mode": "markers",
        "marker": {"color": look.color, "symbol": look.symbol, "size": 7, "opacity": 0.75},
        "hovertemplate": "session %{customdata}: %{x:+.2f} %<extra></extra>",
    }


def _frame(rows: Sequence[Row], design: Design, metric: Metric, dots: Sequence[float] = ()) -> Json:
    """The layout: rows from top to bottom, names above them, zero, and the band within which arms are equivalent."""
    margin = design.equivalence_percent
    low, high = -margin / (1 + margin / 100), margin
    ends = [low, high, *dots, *chain.from_iterable(_ends(row.estimate, FAR) for row in rows)]
    room = 0.05 * (max(ends) - min(ends))
    return layout(
        (ROW_OF_DOTS if dots else ROW) * len(rows) + BENEATH,
        xaxis=axis(
            f"\N{LEFTWARDS ARROW} less    {WHAT[metric]}    more \N{RIGHTWARDS ARROW}",
            range=[min(ends) - room, max(ends) + room],
            ticksuffix=" %",
            nticks=7,
        ),
        yaxis=axis(range=[len(rows) - 0.5, -0.85], visible=False),
        shapes=[span(low, high, color=BAND), mark(0)],
        annotations=[_heading(place, row) for place, row in enumerate(rows)],
    )


def _heading(place: int, row: Row) -> Json:
    """The least important last: on a phone there may be no room for it."""
    found = f"{_text(row.estimate)} {row.comparison.verdict or 'no verdict'}"
    against = "" if row.alone else f", against {label(row.comparison.against)}"
    above = {"x": 0, "xref": "paper", "xanchor": "left", "y": place - ABOVE, "yref": "y", "yanchor": "middle"}
    return {
        **note(f"<b>{label(row.comparison.arm)}</b>  {found}{against}", **above),
        "font": {"color": INK, "size": TEXT},
        "bgcolor": "var(--page)",
        "borderpad": 1,
    }


def _text(estimate: Estimate) -> str:
    return typeset(f"{signed(estimate.value, decimals(estimate.half_width, 1), estimate.margin)} %")


def _said(row: Row) -> str:
    estimate, places = row.estimate, decimals(row.estimate.half_width, 1)
    bounds = f"{signed(estimate.low, places, estimate.margin)} to {signed(estimate.high, places, estimate.margin)}"
    verdict = row.comparison.verdict or "no verdict"
    return f"{row.comparison.arm} against {row.comparison.against} {_text(estimate)} ({bounds}), {verdict}"


def _scatter(seen: SessionEffects) -> str:
    return f"{seen.arm} between {min(seen.percent):+.1f} and {max(seen.percent):+.1f} %"
