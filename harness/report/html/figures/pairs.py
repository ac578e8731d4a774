"""Figures of comparisons, one row each: with intervals, and session by session."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from harness.analysis.exhibits import SessionEffects
from harness.model import Comparison, Design, Metric, Summary
from harness.report.html.figures.style import (
    BAND,
    INK,
    Appearance,
    Figure,
    Json,
    appearances,
    axis,
    heading,
    label,
    layout,
    mark,
    short,
    span,
    whiskers,
)
from harness.report.html.typeset import typeset
from harness.report.selection import by_root, compared, controls
from harness.report.wording import Estimate, difference, listed, percent_alone, percent_of

PAIR_HEIGHT, SESSIONS_HEIGHT, PAIR_AXIS_HEIGHT = 48, 66, 62  # pixels
DOT_SPREAD = 0.22  # of a row, to either side of its middle
PAIR_NAME_OFFSET = 0.45  # of a row
MAX_DRAWN_PERCENT = 100.0  # of an interval from its estimate: with two sessions it can be very wide
WHAT: Mapping[Metric, str] = {
    "latency": "time per request",
    "mean": "mean time per request",
    "cpu": "CPU time per request",
    "throughput": "time from one request to the next",
    "capacity": "time per request at capacity",
}


@dataclass(frozen=True, slots=True)
class PairRow:
    """A comparison as a row of a figure."""

    comparison: Comparison
    estimate: Estimate
    look: Appearance
    alone: bool  # all rows have the same reference, so it need not be named


def forest(summary: Summary, design: Design, metric: Metric) -> Figure | None:
    """Return the comparisons with their intervals and the equivalence band; None without intervals."""
    rows = list(_pair_rows(summary, metric))
    if not rows:
        return None
    data = [_interval_trace(place, row.estimate, row.look) for place, row in enumerate(rows)]
    alt = f"Difference in {WHAT[metric]} with its interval: {listed([_pair_text(row) for row in rows])}."
    return Figure(f"forest-{metric}", alt, data, _pairs_layout(rows, design, metric))


def per_session(summary: Summary, design: Design, metric: Metric, effects: Sequence[SessionEffects]) -> Figure | None:
    """Return a dot for each session, the first on top, with the estimate and its interval."""
    of_pair = {(effect.arm, effect.against): effect for effect in effects if effect.metric == metric}
    rows = [row for row in _pair_rows(summary, metric) if (row.comparison.arm, row.comparison.against) in of_pair]
    if not rows:
        return None
    session_effects = [of_pair[row.comparison.arm, row.comparison.against] for row in rows]
    means = [
        _interval_trace(place, row.estimate, Appearance(INK, "line-ns-open", "solid")) for place, row in enumerate(rows)
    ]
    dots = [
        _session_dots(place, effect, row.look)
        for place, (effect, row) in enumerate(zip(session_effects, rows, strict=True))
    ]
    alt = f"Difference in {WHAT[metric]}, session by session: {listed(list(map(_session_range, session_effects)))}."
    frame = _pairs_layout(
        rows, design, metric, dots=list(chain.from_iterable(effect.percent for effect in session_effects))
    )
    return Figure(f"sessions-{metric}", alt, [*dots, *means], frame)


def _pair_rows(summary: Summary, metric: Metric) -> Iterator[PairRow]:
    """Yield the comparisons and then the controls, by reference."""
    groups = by_root([*compared(summary, metric), *controls(summary, metric)])
    drawn_as = appearances(summary)
    for group in groups.values():
        for comparison in group:
            estimate = percent_of(comparison)
            if estimate:
                yield PairRow(
                    comparison, estimate, drawn_as[comparison.arm], alone=len(groups) == 1 and not summary.ladders
                )


def _interval_trace(place: int, estimate: Estimate, look: Appearance) -> Json:
    low, high = _drawn_ends(estimate, 2 * MAX_DRAWN_PERCENT)  # a longer line visibly leaves the figure
    return {
        "type": "scatter",
        "mode": "markers",
        "x": short([estimate.value]),
        "y": [place],
        "marker": {"color": look.color, "symbol": look.symbol, "size": 10, "line": {"color": look.color, "width": 2}},
        "error_x": whiskers([low], [estimate.value], [high], look.color),
        "hovertemplate": f"{_estimate_text(estimate)}<extra></extra>",
    }


def _drawn_ends(estimate: Estimate, far: float) -> tuple[float, float]:
    return max(estimate.low, estimate.value - far), min(estimate.high, estimate.value + far)


def _session_dots(place: int, effect: SessionEffects, look: Appearance) -> Json:
    heights = np.linspace(place - DOT_SPREAD, place + DOT_SPREAD, len(effect.percent))
    return {
        "type": "scatter",
        "x": short(effect.percent),
        "y": short(heights.tolist()),
        "customdata": list(effect.sessions),
        "mode": "markers",
        "marker": {"color": look.color, "symbol": look.symbol, "size": 7, "opacity": 0.75},
        "hovertemplate": "session %{customdata}: %{x:+.2f} %<extra></extra>",
    }


def _pairs_layout(rows: Sequence[PairRow], design: Design, metric: Metric, dots: Sequence[float] = ()) -> Json:
    """Return the layout: rows from top to bottom, their names, the zero line and the equivalence band."""
    margin = design.equivalence_percent
    low, high = -margin / (1 + margin / 100), margin
    ends = [low, high, *dots, *chain.from_iterable(_drawn_ends(row.estimate, MAX_DRAWN_PERCENT) for row in rows)]
    room = 0.05 * (max(ends) - min(ends))
    return layout(
        (SESSIONS_HEIGHT if dots else PAIR_HEIGHT) * len(rows) + PAIR_AXIS_HEIGHT,
        xaxis=axis(
            f"\N{LEFTWARDS ARROW} less    {WHAT[metric]}    more \N{RIGHTWARDS ARROW}",
            range=[min(ends) - room, max(ends) + room],
            ticksuffix=" %",
            nticks=7,
        ),
        yaxis=axis(range=[len(rows) - 0.5, -0.85], visible=False),
        shapes=[span(low, high, color=BAND), mark(0)],
        annotations=[_pair_heading(place, row) for place, row in enumerate(rows)],
    )


def _pair_heading(place: int, row: PairRow) -> Json:
    """Return the name of a row; the least important part is last because a narrow screen cuts it."""
    result = f"{_estimate_text(row.estimate)} {row.comparison.verdict or 'no verdict'}"
    against = "" if row.alone else f", against {label(row.comparison.against)}"
    return heading(f"<b>{label(row.comparison.arm)}</b>  {result}{against}", place - PAIR_NAME_OFFSET)


def _estimate_text(estimate: Estimate) -> str:
    return typeset(percent_alone(estimate))


def _pair_text(row: PairRow) -> str:
    verdict = row.comparison.verdict or "no verdict"
    size = difference(row.estimate, named=False)
    return f"{row.comparison.arm} against {row.comparison.against} {size}, {verdict}"


def _session_range(effect: SessionEffects) -> str:
    return f"{effect.arm} between {min(effect.percent):+.1f} and {max(effect.percent):+.1f} %"
