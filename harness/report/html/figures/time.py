"""Figures over time: drift through a run, and the pilot."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

import numpy as np

from harness.analysis.plot_data import GappedValues, SessionDrift, SessionEffects
from harness.model import HEADLINE_METRICS, Pilot, Schedule, Summary
from harness.report.format import format_signed, format_significant, join_with_and, typeset_numbers
from harness.report.html.figures.style import (
    INK,
    MUTED,
    ArmStyle,
    Json,
    PlotlyFigure,
    annotation,
    arm_styles,
    axis,
    curve,
    curves_layout,
    layout,
    log_axis,
    log_ticks,
    shorten_values,
    vertical_band,
    vertical_line,
    whiskers,
)

DRIFT_HEIGHT = 520  # pixels
UPPER_PANEL, LOWER_PANEL = (0.54, 1.0), (0.0, 0.46)  # of the height
MAX_SESSION_NUMBERS = 10
SCALE_PERCENTILES = (1, 99)  # that the scale covers: a single outlier would flatten everything else

DriftLine = list[float | None]
LogRange = tuple[float, float]
PILOT_HEIGHT = 300  # pixels


def drift_figure(summary: Summary, stretches: Sequence[SessionDrift]) -> PlotlyFigure | None:
    """Return each arm's time over the run, above its ratio to the reference on the same scale."""
    times_ms = {arm: _joined_sessions(_times_ms(stretch, arm) for stretch in stretches) for arm in summary.arms}
    ratios = {
        pair: _joined_sessions(_ratios(stretch, pair) for stretch in stretches) for pair in _compared_pairs(summary)
    }
    ranges = _panel_ranges(times_ms.values(), ratios.values())
    if ranges is None:
        return None
    time_s, drawn_as = _joined_sessions(stretch.time_s for stretch in stretches), arm_styles(summary)
    above = [_time_trace(arm, drawn_as[arm], time_s, line) for arm, line in times_ms.items()]
    below = [_ratio_trace(pair, drawn_as[pair[0]], time_s, line) for pair, line in ratios.items()]
    alt = (
        f"Time per request of {join_with_and(list(times_ms))} over the run, and beneath it the differences, "
        "to one scale."
    )
    return PlotlyFigure("drift", alt, [*above, *below], _drift_layout(list(times_ms), stretches, *ranges))


def variability_sentence(effects: Sequence[SessionEffects]) -> str:
    """Return the session-to-session standard deviations of references and differences; empty for one session."""
    varying = [
        effect
        for effect in effects
        if effect.metric in HEADLINE_METRICS and effect.level_sd_percent and effect.sd_percent
    ]
    if not varying:
        return ""
    references = list(dict.fromkeys(effect.against for effect in varying))
    subject = references[0] if len(references) == 1 else "references up to"
    level = max(effect.level_sd_percent or 0 for effect in varying)
    difference = max(effect.sd_percent or 0 for effect in varying)
    no_gain = "" if difference < level else " (here pairing did not help)"
    return (
        f"Session-to-session standard deviation: {subject} {format_significant(level, 2)} %, "
        f"largest paired difference {format_significant(difference, 2)} %{no_gain}."
    )


def _times_ms(stretch: SessionDrift, arm: str) -> GappedValues:
    times_us = stretch.latency_us.get(arm) or (None,) * len(stretch.time_s)
    return tuple(None if time is None else time / 1000 for time in times_us)


def _ratios(stretch: SessionDrift, pair: tuple[str, str]) -> GappedValues:
    percents = stretch.difference_percent.get(pair) or (None,) * len(stretch.time_s)
    return tuple(None if percent is None else 1 + percent / 100 for percent in percents)


def _joined_sessions(parts: Iterable[GappedValues]) -> DriftLine:
    """Return one line with a gap after each session."""
    return shorten_values(value for part in parts for value in (*part, None))


def _compared_pairs(summary: Summary) -> list[tuple[str, str]]:
    return [(c.arm, c.against) for c in summary.comparisons if c.metric in HEADLINE_METRICS]


def _time_trace(arm: str, look: ArmStyle, time_s: DriftLine, times_ms: DriftLine) -> Json:
    return curve(arm, look, time_s, times_ms, hovertemplate="%{y:.4~g} ms")


def _ratio_trace(pair: tuple[str, str], look: ArmStyle, time_s: DriftLine, ratios: DriftLine) -> Json:
    percents = shorten_values(None if ratio is None else 100 * (ratio - 1) for ratio in ratios)
    own = {"customdata": percents, "hovertemplate": "%{customdata:+.1f} %", "showlegend": False}
    return curve(pair[0], look, time_s, ratios, yaxis="y2", **own)


def _panel_ranges(*panels: Iterable[DriftLine]) -> list[LogRange] | None:
    """Return the ends of each panel's logarithmic axis, all of the same length; None if a panel has no values."""
    logs = [np.log10([value for line in lines for value in line if value]) for lines in panels]
    if any(values.size == 0 for values in logs):
        return None
    ends = [np.percentile(values, SCALE_PERCENTILES) for values in logs]
    span = 1.15 * max(max(high - low for low, high in ends), 0.01)
    return [(float(low + high - span) / 2, float(low + high + span) / 2) for low, high in ends]


def _drift_layout(arms: Sequence[str], stretches: Sequence[SessionDrift], times: LogRange, ratios: LogRange) -> Json:
    bounds = [vertical_line(stretch.end_s, "dot") for stretch in stretches[:-1]]
    xaxis = axis("seconds of measuring", range=[0, stretches[-1].end_s], showgrid=False, anchor="y2")
    yaxis = axis("ms per request", type="log", range=list(times), domain=UPPER_PANEL, **log_ticks(times))
    yaxis2 = axis("difference", type="log", range=list(ratios), domain=LOWER_PANEL, **_percent_ticks(ratios))
    zero = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": 1, "y1": 1}
    return curves_layout(
        DRIFT_HEIGHT,
        arms,
        xaxis=xaxis,
        yaxis=yaxis,
        yaxis2=yaxis2,
        shapes=[*bounds, {**zero, "line": {"color": MUTED, "width": 1}, "layer": "below"}],
        annotations=list(_session_numbers(stretches)),
    )


def _percent_ticks(ratios: LogRange) -> Json:
    """Return the ticks of a logarithmic axis of ratios, labelled in percent."""
    ticks = log_ticks(ratios)["tickvals"]
    return {
        "tickvals": ticks,
        "ticktext": [typeset_numbers(f"{format_signed(100 * (tick - 1), 0)} %") for tick in ticks],
    }


def _session_numbers(stretches: Sequence[SessionDrift]) -> Iterator[Json]:
    """Yield the session numbers between the two panels."""
    between = {"y": sum((LOWER_PANEL[1], UPPER_PANEL[0])) / 2, "yref": "paper", "yanchor": "middle"}
    yield annotation("session", x=0, xref="paper", xanchor="right", **between)
    for stretch in stretches[:: ceil(len(stretches) / MAX_SESSION_NUMBERS)]:
        yield annotation(str(stretch.session), x=(stretch.start_s + stretch.end_s) / 2, **between)


def carry_over_figure(pilot: Pilot, schedule: Schedule) -> PlotlyFigure | None:
    """Return how much longer the first requests after a switch take; the band covers the warm-up requests."""
    points = pilot.carry_over
    if not points:
        return None
    percents = [point.percent for point in points]
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point.position + 1 for point in points],
        "y": shorten_values(percents),
        "error_y": whiskers([p.percent_low for p in points], percents, [p.percent_high for p in points], INK),
        "line": {"color": INK, "width": 1},
        "marker": {"color": INK, "size": 6},
        "hovertemplate": "request %{x}: %{y:+.2f} %<extra></extra>",
    }
    warm_up = annotation("warm-up", x=0.5, xanchor="left", y=1, yref="paper", yanchor="top")
    own = {
        "xaxis": axis("request after the switch", range=[0.5, points[-1].position + 1.5], showgrid=False),
        "yaxis": axis("longer than settled", ticksuffix=" %", zeroline=True, zerolinecolor=MUTED),
        "shapes": [vertical_band(0.5, schedule.settle + 0.5)],
        "annotations": [warm_up] if schedule.settle else [],
    }
    alt = f"The first request after a switch of arms takes {percents[0]:.1f} % longer than settled ones."
    return PlotlyFigure("carry-over", alt, [trace], layout(PILOT_HEIGHT, **own))


def burst_lengths_figure(pilot: Pilot, schedule: Schedule) -> PlotlyFigure | None:
    """Return the expected half width by length of burst in the planned time, and the length that was used."""
    points = pilot.allan
    if not points:
        return None
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [point.burst for point in points],
        "y": shorten_values(point.half_width_percent for point in points),
        "line": {"color": INK, "width": 1},
        "marker": {"color": INK, "size": 6},
        "hovertemplate": "bursts of %{x}: ±%{y:.2f} %<extra></extra>",
    }
    bursts = [point.burst for point in points]
    own = {
        "xaxis": log_axis("timed requests in a burst", bursts[0], bursts[-1], showgrid=False),
        "yaxis": axis("half width of the interval", ticksuffix=" %", rangemode="tozero"),
        "shapes": [vertical_line(schedule.burst, "dot")],
    }
    alt = (
        f"The half width of the interval for bursts of {bursts[0]} to {bursts[-1]} requests; {schedule.burst} was used."
    )
    return PlotlyFigure("burst-lengths", alt, [trace], layout(PILOT_HEIGHT, **own))
