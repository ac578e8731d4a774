"""Figures of the pilot: warm-up after a switch of arms, and precision by length of burst."""

from harness.model import Pilot, Schedule
from harness.report.html.figures.style import (
    INK,
    MUTED,
    Figure,
    axis,
    layout,
    log_axis,
    mark,
    note,
    short,
    span,
    whiskers,
)

PILOT_HEIGHT = 300  # pixels


def carry_over(pilot: Pilot, schedule: Schedule) -> Figure | None:
    """Return how much longer the first requests after a switch take; the band covers the warm-up requests."""
    points = pilot.carry_over
    if not points:
        return None
    percents = [point.percent for point in points]
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point.position + 1 for point in points],
        "y": short(percents),
        "error_y": whiskers([p.percent_low for p in points], percents, [p.percent_high for p in points], INK),
        "line": {"color": INK, "width": 1},
        "marker": {"color": INK, "size": 6},
        "hovertemplate": "request %{x}: %{y:+.2f} %<extra></extra>",
    }
    warm_up = note("warm-up", x=0.5, xanchor="left", y=1, yref="paper", yanchor="top")
    own = {
        "xaxis": axis("request after the switch", range=[0.5, points[-1].position + 1.5], showgrid=False),
        "yaxis": axis("longer than settled", ticksuffix=" %", zeroline=True, zerolinecolor=MUTED),
        "shapes": [span(0.5, schedule.settle + 0.5)],
        "annotations": [warm_up] if schedule.settle else [],
    }
    alt = f"The first request after a switch of arms takes {percents[0]:.1f} % longer than settled ones."
    return Figure("carry-over", alt, [trace], layout(PILOT_HEIGHT, **own))


def burst_lengths(pilot: Pilot, schedule: Schedule) -> Figure | None:
    """Return the expected half width by length of burst in the planned time, and the length that was used."""
    points = pilot.allan
    if not points:
        return None
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point.burst for point in points],
        "y": short(point.half_width_percent for point in points),
        "line": {"color": INK, "width": 1},
        "marker": {"color": INK, "size": 6},
        "hovertemplate": "bursts of %{x}: ±%{y:.2f} %<extra></extra>",
    }
    bursts = [point.burst for point in points]
    own = {
        "xaxis": log_axis("timed requests in a burst", bursts[0], bursts[-1], showgrid=False),
        "yaxis": axis("half width of the interval", ticksuffix=" %", rangemode="tozero"),
        "shapes": [mark(schedule.burst, "dot")],
    }
    alt = (
        f"The half width of the interval for bursts of {bursts[0]} to {bursts[-1]} requests; {schedule.burst} was used."
    )
    return Figure("burst-lengths", alt, [trace], layout(PILOT_HEIGHT, **own))
