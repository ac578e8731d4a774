"""Draws what the pilot saw: what a switch of arms leaves behind, and what each length of burst would give."""

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

HEIGHT = 300  # pixels


def carry_over(pilot: Pilot, schedule: Schedule) -> Figure | None:
    """How much longer the first requests after a switch take; those that the run did not time lie in the band."""
    points = pilot.carry_over
    if not points:
        return None
    percents = [point.percent for point in points]
    seen = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point.position + 1 for point in points],
        "y": short(percents),
        "error_y": whiskers([p.percent_low for p in points], percents, [p.percent_high for p in points], INK),
        "line": {"color": INK, "width": 1},
        "marker": {"color": INK, "size": 6},
        "hovertemplate": "request %{x}: %{y:+.2f} %<extra></extra>",
    }
    untimed = note("not timed", x=0.5, xanchor="left", y=1, yref="paper", yanchor="top")
    own = {
        "xaxis": axis("request after the switch", range=[0.5, points[-1].position + 1.5], showgrid=False),
        "yaxis": axis("longer than settled", ticksuffix=" %", zeroline=True, zerolinecolor=MUTED),
        "shapes": [span(0.5, schedule.settle + 0.5)],
        "annotations": [untimed] if schedule.settle else [],
    }
    alt = f"The first request after a switch of arms takes {percents[0]:.1f} % longer than settled ones."
    return Figure("carry-over", alt, [seen], layout(HEIGHT, **own))


def burst_lengths(pilot: Pilot, schedule: Schedule) -> Figure | None:
    """The half width that bursts of each length would give in the time planned, and the length that the run had."""
    points = pilot.allan
    if not points:
        return None
    expected = {
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
    return Figure("burst-lengths", alt, [expected], layout(HEIGHT, **own))
