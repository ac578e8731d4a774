"""Figures over time: drift through a run, and the pilot."""

from collections.abc import Iterable, Sequence
from math import ceil

import numpy as np

from harness.analysis.plot_data import SessionDrift, SessionEffects
from harness.model import HEADLINE_METRICS, Pilot, Schedule, Summary
from harness.report.document import Axis, Band, Figure, Guide, Label, Line, Mark, Points, Style
from harness.report.figures.style import (
    BOUNDARY,
    arm_styles,
    axis_around,
    axis_from_zero,
    log_axis,
    pair_styles,
    reference_name,
    short_name,
)
from harness.report.format import format_duration, format_significant, join_with_and, pluralize
from harness.report.select import depends_on_state, has_several_references, main_comparisons

HEIGHT = 220  # pixels
MAX_SESSION_NUMBERS = 10
SCALE_PERCENTILES = (1, 99)  # that the scale covers: a single outlier would flatten everything else
SCALE_ROOM, MIN_DECADES = 1.15, 0.01
DRIFT_WORDS = "Time per request", "The speed of a machine drifts, for all arms alike."
STATE_WORDS = "Time per request", "The speed of the machine changes, but not for all arms alike: see the doubts."
DIFFERENCES_WORDS = "Differences, to the same scale", "Comparisons use visits that are neighbours in time."
LABEL_HEIGHT = 0.94  # of an axis: where a band is named


def drift_figures(summary: Summary, sessions: Sequence[SessionDrift]) -> list[Figure]:
    """Return each arm's time over the run, and its ratio to the reference on the same scale; none without times."""
    styles = arm_styles(summary)
    pairs = [(c.arm, c.against) for c in summary.comparisons if c.metric in HEADLINE_METRICS]
    times = [
        _line(sessions, [_times_ms(s, arm) for s in sessions], styles[arm], short_name(arm)) for arm in summary.arms
    ]
    is_named = has_several_references(main_comparisons(summary))
    ratios = [
        _line(
            sessions,
            [s.ratio.get(pair) for s in sessions],
            style,
            _pair_name(*pair) if is_named else short_name(pair[0]),
        )
        for pair, style in pair_styles(summary, pairs).items()
    ]
    scales = _equal_scales(times, ratios)
    if not scales:
        return []
    x, bounds = _session_axis(sessions), [Guide(session.end_s, style=BOUNDARY) for session in sessions[:-1]]
    y = Axis(*scales[0], "ms per request", is_log=True)
    y_ratio = Axis(*scales[1], "difference", is_log=True, is_ratio=True)
    words = STATE_WORDS if depends_on_state(summary) else DRIFT_WORDS
    alt = f"Time per request of {join_with_and(list(summary.arms))} over the run."
    ratio_alt = f"Differences of {join_with_and([arm for arm, _ in pairs])} over the run, to the same scale."
    return [
        Figure("drift", alt, HEIGHT, x, y, [*bounds, *times], *words),
        Figure("drift-differences", ratio_alt, HEIGHT, x, y_ratio, [*bounds, Guide(y=1), *ratios], *DIFFERENCES_WORDS),
    ]


def _pair_name(arm: str, against: str) -> str:
    return f"{short_name(arm)}, against {reference_name(arm, against)}"


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


def _times_ms(session: SessionDrift, arm: str) -> list[float | None]:
    return [us and us / 1000 for us in session.latency_us.get(arm, ())]


def _line(
    sessions: Sequence[SessionDrift], values: Iterable[Sequence[float | None] | None], style: Style, label: str
) -> Line:
    """Return a line that breaks after each session."""
    xs: list[float] = []
    ys: list[float | None] = []
    for session, of_session in zip(sessions, values, strict=True):
        xs += [*session.time_s, session.end_s]
        ys += [*(of_session or [None] * len(session.time_s)), None]
    return Line(xs, ys, style, label)


def _equal_scales(*panels: Sequence[Line]) -> list[tuple[float, float]]:
    """Return the ends of logarithmic axes that span the same factor; none if a panel has no values."""
    logs = [np.log10([y for line in lines for y in line.ys if y]) for lines in panels]
    if any(values.size == 0 for values in logs):
        return []
    ends = [np.percentile(values, SCALE_PERCENTILES) for values in logs]
    half = SCALE_ROOM / 2 * max(MIN_DECADES, *(high - low for low, high in ends))
    return [(10 ** float((low + high) / 2 - half), 10 ** float((low + high) / 2 + half)) for low, high in ends]


def _session_axis(sessions: Sequence[SessionDrift]) -> Axis:
    numbered = sessions[:: ceil(len(sessions) / MAX_SESSION_NUMBERS)]
    labels = [((session.start_s + session.end_s) / 2, str(session.session)) for session in numbered]
    end_s = sessions[-1].end_s
    return Axis(0, end_s, f"session ({format_duration(end_s)} of measuring)", labels=labels, has_grid=False)


def carry_over_figure(pilot: Pilot, schedule: Schedule) -> Figure | None:
    """Return how much longer the first requests after a switch take; the band covers the warm-up requests."""
    points = pilot.carry_over
    if not points:
        return None
    places, percents = [point.position + 1 for point in points], [point.percent for point in points]
    lows, highs = [point.percent_low for point in points], [point.percent_high for point in points]
    x = Axis(0.5, places[-1] + 0.5, "request after the switch")
    y = axis_around([*lows, *highs], "longer than settled", " %")
    texts = [f"request {place}: {percent:+.2f} %" for place, percent in zip(places, percents, strict=True)]
    marks: list[Mark] = [
        Band(0.5, schedule.settle + 0.5),
        Guide(y=0),
        Line(places, percents, Style(symbol="")),
        Points(places, percents, lows=lows, highs=highs, interval_axis="y", texts=texts),
    ]
    if schedule.settle:
        marks.append(Label(0.6, y.low + LABEL_HEIGHT * (y.high - y.low), "warm-up", style=Style("muted")))
    alt = f"The first request after a switch of arms takes {percents[0]:.1f} % longer than settled ones."
    caption = (
        "The first requests after a switch find cold caches; "
        f"{pluralize(schedule.settle, 'request')} of warm-up {'is' if schedule.settle == 1 else 'are'} not timed."
    )
    return Figure("carry-over", alt, HEIGHT, x, y, marks, "After a switch of arms", caption)


def burst_lengths_figure(pilot: Pilot, schedule: Schedule) -> Figure | None:
    """Return the expected half width by length of burst in the planned time, and the length that was used."""
    if not pilot.allan:
        return None
    bursts, percents = [point.burst for point in pilot.allan], [point.half_width_percent for point in pilot.allan]
    texts = [f"bursts of {burst}: ±{percent:.2f} %" for burst, percent in zip(bursts, percents, strict=True)]
    x = log_axis(bursts, "timed requests in a burst")
    y = axis_from_zero(percents, "half width of the interval", " %")
    line, points = Line(bursts, percents, Style(symbol="")), Points(bursts, percents, texts=texts)
    marks: list[Mark] = [Guide(schedule.burst, style=BOUNDARY), line, points]
    lengths = f"{bursts[0]} to {bursts[-1]} requests; {schedule.burst} was used."
    caption = f"Expected interval by length of burst in the planned time; the run uses {schedule.burst}."
    alt = f"The half width of the interval for bursts of {lengths}"
    return Figure("burst-lengths", alt, HEIGHT, x, y, marks, "Length of a burst", caption)
