"""Figures of intervals: pairs, claims, screens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import NormalDist, median

import numpy as np

from harness.analysis.plot_data import SessionEffects
from harness.model import METRICS, Comparison, Design, MainEffect, Summary
from harness.model.validation import Claim, Validation
from harness.report.format import (
    ReportedInterval,
    format_percent,
    join_with_and,
    percent_interval,
    percent_with_interval,
    typeset_numbers,
)
from harness.report.html.figures.style import (
    BAND,
    COLORS,
    INK,
    MUTED,
    NEUTRAL,
    ArmStyle,
    Json,
    PlotlyFigure,
    arm_label,
    arm_styles,
    axis,
    layout,
    row_heading,
    shorten_values,
    vertical_band,
    vertical_line,
    whiskers,
)
from harness.report.sections.screening import effect_name
from harness.report.select import control_comparisons, group_by_root, main_comparisons, main_effects

CLAIM_HEIGHT, AXIS_HEIGHT = 62, 62  # pixels
CLAIM_NAME_OFFSET, VALUE_OFFSET = 0.42, 0.13  # of a row
MAX_SPREAD_PERCENT = 60.0  # of the A/A spread that is drawn
HERE_COLOR, CLAIM_COLOR = COLORS[0], COLORS[1]
PAIR_HEIGHT, SESSIONS_HEIGHT, PAIR_AXIS_HEIGHT = 48, 66, 62  # pixels
DOT_SPREAD = 0.22  # of a row, to either side of its middle
PAIR_NAME_OFFSET = 0.45  # of a row
MAX_DRAWN_PERCENT = 100.0  # of an interval from its estimate: with two sessions it can be very wide
SCREEN_HEIGHT = 360  # pixels
EFFECT_SYMBOLS = {"faster": "triangle-down", "slower": "triangle-up"}


def claims_figure(validation: Validation) -> PlotlyFigure | None:
    """Return each claim with its interval or the A/A spread, above the bare arms; None without consistent claims."""
    sound = [claim for claim in validation.claims if "does not add up" not in claim.reasons]
    rows = [claim for claim in sound if claim.percent is not None]
    if not rows:
        return None
    data = [trace for place, claim in enumerate(rows) for trace in _claim_traces(place, claim, validation)]
    alt = f"Time per request against TCP, claimed and here: {join_with_and([_claim_text(claim) for claim in rows])}."
    return PlotlyFigure("claims", alt, data, _claims_layout(rows, validation))


def _claim_traces(row: int, claim: Claim, validation: Validation) -> Iterator[Json]:
    interval, has_interval = _claim_interval(claim, validation)
    yield _claim_marker(
        row - VALUE_OFFSET,
        interval,
        CLAIM_COLOR if has_interval else NEUTRAL,
        {"color": CLAIM_COLOR, "symbol": "diamond"},
    )
    bare = percent_interval(claim.bare) if claim.bare else None
    if bare:
        yield _claim_marker(row + VALUE_OFFSET, bare, HERE_COLOR, {"color": HERE_COLOR, "symbol": "circle"})


def _claim_interval(claim: Claim, validation: Validation) -> tuple[ReportedInterval, bool]:
    """Return the claim with its own interval (True) or with the A/A spread of single runs here (False)."""
    value = claim.percent or 0.0
    if claim.percent_low is not None and claim.percent_high is not None:
        return ReportedInterval(value, claim.percent_low, claim.percent_high), True
    apart = [pairs.most_percent for spread in validation.spreads for pairs in [spread.apart or spread.next] if pairs]
    reach = min([MAX_SPREAD_PERCENT, *apart]) if apart else 0.0
    return ReportedInterval(value, value - reach, value + reach), False


def _claim_marker(height: float, estimate: ReportedInterval, color: str, marker: Json) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": shorten_values([estimate.value]),
        "y": shorten_values([height]),
        "marker": {"size": 10, **marker},
        "error_x": whiskers([estimate.low], [estimate.value], [estimate.high], color),
        "hovertemplate": f"{_percent_text(estimate.value)}<extra></extra>",
    }


def _claims_layout(rows: Sequence[Claim], validation: Validation) -> Json:
    estimates = [_claim_interval(claim, validation)[0] for claim in rows]
    estimates += [interval for claim in rows if claim.bare and (interval := percent_interval(claim.bare))]
    ends = [0.0, *(end for estimate in estimates for end in (estimate.low, estimate.high))]
    room = 0.05 * (max(ends) - min(ends))
    return layout(
        CLAIM_HEIGHT * len(rows) + AXIS_HEIGHT,
        xaxis=axis(
            "\N{LEFTWARDS ARROW} faster    than over TCP    slower \N{RIGHTWARDS ARROW}",
            range=[min(ends) - room, max(ends) + room],
            ticksuffix=" %",
            nticks=7,
        ),
        yaxis=axis(range=[len(rows) - 0.5, -0.8], visible=False),
        shapes=[vertical_line(0)],
        annotations=[_claim_heading(place, claim) for place, claim in enumerate(rows)],
    )


def _claim_heading(place: int, claim: Claim) -> Json:
    text = (
        f"<b>{arm_label(f'{claim.where} {claim.architecture}'.strip())}</b>  {typeset_numbers(_claim_numbers(claim))}"
    )
    return row_heading(text, place - CLAIM_NAME_OFFSET)


def _claim_text(claim: Claim) -> str:
    return f"{claim.where} {claim.architecture} {_claim_numbers(claim)}, {claim.standing}".strip()


def _claim_numbers(claim: Claim) -> str:
    bare = percent_interval(claim.bare) if claim.bare else None
    return f"{_percent_text(claim.percent or 0.0)}{f', here {_percent_text(bare.value)}' if bare else ''}"


def _percent_text(value: float) -> str:
    return f"{value:+.1f} %"


@dataclass(frozen=True, slots=True)
class PairRow:
    """A comparison as a row of a figure."""

    comparison: Comparison
    estimate: ReportedInterval
    look: ArmStyle
    alone: bool  # all rows have the same reference, so it need not be named


def forest_figure(summary: Summary, design: Design, metric: str) -> PlotlyFigure | None:
    """Return the comparisons with their intervals and the equivalence band; None without intervals."""
    rows = list(_pair_rows(summary, metric))
    if not rows:
        return None
    data = [_interval_trace(place, row.estimate, row.look) for place, row in enumerate(rows)]
    alt = (
        f"Difference in {METRICS[metric].label} with its interval: {join_with_and([_pair_text(row) for row in rows])}."
    )
    return PlotlyFigure(f"forest-{metric}", alt, data, _pairs_layout(rows, design, metric))


def sessions_figure(
    summary: Summary, design: Design, metric: str, effects: Sequence[SessionEffects]
) -> PlotlyFigure | None:
    """Return a dot for each session, the first on top, with the estimate and its interval."""
    of_pair = {(effect.arm, effect.against): effect for effect in effects if effect.metric == metric}
    rows = [row for row in _pair_rows(summary, metric) if (row.comparison.arm, row.comparison.against) in of_pair]
    if not rows:
        return None
    session_effects = [of_pair[row.comparison.arm, row.comparison.against] for row in rows]
    means = [
        _interval_trace(place, row.estimate, ArmStyle(INK, "line-ns-open", "solid")) for place, row in enumerate(rows)
    ]
    dots = [
        _session_dots(place, effect, row.look)
        for place, (effect, row) in enumerate(zip(session_effects, rows, strict=True))
    ]
    alt = (
        f"Difference in {METRICS[metric].label}, session by session: "
        f"{join_with_and(list(map(_session_range, session_effects)))}."
    )
    frame = _pairs_layout(
        rows, design, metric, dots=list(chain.from_iterable(effect.percent for effect in session_effects))
    )
    return PlotlyFigure(f"sessions-{metric}", alt, [*dots, *means], frame)


def _pair_rows(summary: Summary, metric: str) -> Iterator[PairRow]:
    """Yield the comparisons and then the controls, by reference."""
    groups = group_by_root([*main_comparisons(summary, metric), *control_comparisons(summary, metric)])
    drawn_as = arm_styles(summary)
    for group in groups.values():
        for comparison in group:
            estimate = percent_interval(comparison)
            if estimate:
                yield PairRow(
                    comparison, estimate, drawn_as[comparison.arm], alone=len(groups) == 1 and not summary.ladders
                )


def _interval_trace(place: int, estimate: ReportedInterval, look: ArmStyle) -> Json:
    low, high = _drawn_ends(estimate, 2 * MAX_DRAWN_PERCENT)  # a longer line visibly leaves the figure
    return {
        "type": "scatter",
        "mode": "markers",
        "x": shorten_values([estimate.value]),
        "y": [place],
        "marker": {"color": look.color, "symbol": look.symbol, "size": 10, "line": {"color": look.color, "width": 2}},
        "error_x": whiskers([low], [estimate.value], [high], look.color),
        "hovertemplate": f"{_estimate_text(estimate)}<extra></extra>",
    }


def _drawn_ends(estimate: ReportedInterval, far: float) -> tuple[float, float]:
    return max(estimate.low, estimate.value - far), min(estimate.high, estimate.value + far)


def _session_dots(place: int, effect: SessionEffects, look: ArmStyle) -> Json:
    heights = np.linspace(place - DOT_SPREAD, place + DOT_SPREAD, len(effect.percent))
    return {
        "type": "scatter",
        "x": shorten_values(effect.percent),
        "y": shorten_values(heights.tolist()),
        "customdata": list(effect.sessions),
        "mode": "markers",
        "marker": {"color": look.color, "symbol": look.symbol, "size": 7, "opacity": 0.75},
        "hovertemplate": "session %{customdata}: %{x:+.2f} %<extra></extra>",
    }


def _pairs_layout(rows: Sequence[PairRow], design: Design, metric: str, dots: Sequence[float] = ()) -> Json:
    """Return the layout: rows from top to bottom, their names, the zero line and the equivalence band."""
    margin = design.equivalence_percent
    low, high = -margin / (1 + margin / 100), margin
    ends = [low, high, *dots, *chain.from_iterable(_drawn_ends(row.estimate, MAX_DRAWN_PERCENT) for row in rows)]
    room = 0.05 * (max(ends) - min(ends))
    return layout(
        (SESSIONS_HEIGHT if dots else PAIR_HEIGHT) * len(rows) + PAIR_AXIS_HEIGHT,
        xaxis=axis(
            f"\N{LEFTWARDS ARROW} less    {METRICS[metric].label}    more \N{RIGHTWARDS ARROW}",
            range=[min(ends) - room, max(ends) + room],
            ticksuffix=" %",
            nticks=7,
        ),
        yaxis=axis(range=[len(rows) - 0.5, -0.85], visible=False),
        shapes=[vertical_band(low, high, color=BAND), vertical_line(0)],
        annotations=[_pair_heading(place, row) for place, row in enumerate(rows)],
    )


def _pair_heading(place: int, row: PairRow) -> Json:
    """Return the name of a row; the least important part is last because a narrow screen cuts it."""
    result = f"{_estimate_text(row.estimate)} {row.comparison.verdict or 'no verdict'}"
    against = "" if row.alone else f", against {arm_label(row.comparison.against)}"
    return row_heading(f"<b>{arm_label(row.comparison.arm)}</b>  {result}{against}", place - PAIR_NAME_OFFSET)


def _estimate_text(estimate: ReportedInterval) -> str:
    return typeset_numbers(format_percent(estimate))


def _pair_text(row: PairRow) -> str:
    verdict = row.comparison.verdict or "no verdict"
    size = percent_with_interval(row.estimate, named=False)
    return f"{row.comparison.arm} against {row.comparison.against} {size}, {verdict}"


def _session_range(effect: SessionEffects) -> str:
    return f"{effect.arm} between {min(effect.percent):+.1f} and {max(effect.percent):+.1f} %"


def half_normal_figure(summary: Summary) -> PlotlyFigure | None:
    """Return absolute effects over half-normal quantiles (Daniel 1959); None for fewer than three effects."""
    main, _ = main_effects(summary)
    effects = sorted((effect for effect in main if percent_interval(effect)), key=_size)
    if len(effects) < 3:
        return None
    quantiles = [NormalDist().inv_cdf(0.5 + (place + 0.5) / len(effects) / 2) for place in range(len(effects))]
    own = {
        "xaxis": axis("expected by chance, in standard deviations", rangemode="tozero"),
        "yaxis": axis("absolute effect", ticksuffix=" %", rangemode="tozero"),
    }
    alt = f"Effects from the smallest to the largest: {join_with_and([_effect_text(effect) for effect in effects])}."
    return PlotlyFigure(
        "half-normal", alt, [_line(effects, quantiles), _points(effects, quantiles)], layout(SCREEN_HEIGHT, **own)
    )


def _points(effects: Sequence[MainEffect], quantiles: Sequence[float]) -> Json:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": shorten_values(quantiles),
        "y": shorten_values(map(_size, effects)),
        "text": [arm_label(effect_name(effect)) if effect.verdict in EFFECT_SYMBOLS else "" for effect in effects],
        "textposition": "middle left",
        "customdata": [typeset_numbers(_effect_text(effect)) for effect in effects],
        "marker": {
            "color": INK,
            "size": 9,
            "symbol": [EFFECT_SYMBOLS.get(effect.verdict or "", "circle-open") for effect in effects],
        },
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _line(effects: Sequence[MainEffect], quantiles: Sequence[float]) -> Json:
    """Return the line through zero and the median: effects by chance."""
    slope = median(map(_size, effects)) / NormalDist().inv_cdf(0.75)
    ends = [0.0, quantiles[-1]]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": shorten_values(ends),
        "y": shorten_values(slope * end for end in ends),
        "line": {"color": MUTED, "width": 1, "dash": "dash"},
        "hoverinfo": "skip",
    }


def _size(effect: MainEffect) -> float:
    return abs(effect.percent or 0.0)


def _effect_text(effect: MainEffect) -> str:
    estimate = percent_interval(effect)
    assert estimate is not None
    return f"{effect_name(effect)} {format_percent(estimate)}"
