"""Draws the effects of a screen by size: what does nothing lies on a line, what does something stands above it."""

from collections.abc import Sequence
from statistics import NormalDist, median

from harness.model import MainEffect, Summary
from harness.report.factors.screen import effect_name, main_effects
from harness.report.html.figures.style import INK, MUTED, Figure, Json, axis, label, layout, short
from harness.report.html.typeset import typeset
from harness.report.wording import decimals, listed, percent_of, signed

HEIGHT = 360  # pixels
SYMBOLS = {"faster": "triangle-down", "slower": "triangle-up"}


def half_normal(summary: Summary) -> Figure | None:
    """The absolute effects over the quantiles of a half-normal distribution (Daniel 1959); None for less than three."""
    found, _ = main_effects(summary)
    known = sorted((one for one in found if percent_of(one)), key=_size)
    if len(known) < 3:
        return None
    quantiles = [NormalDist().inv_cdf(0.5 + (place + 0.5) / len(known) / 2) for place in range(len(known))]
    own = {
        "xaxis": axis("expected by chance alone, in standard deviations", rangemode="tozero"),
        "yaxis": axis("effect, without its sign", ticksuffix=" %", rangemode="tozero"),
    }
    alt = f"Effects from the smallest to the largest: {listed([_said(one) for one in known])}."
    return Figure("half-normal", alt, [_line(known, quantiles), _points(known, quantiles)], layout(HEIGHT, **own))


def _points(known: Sequence[MainEffect], quantiles: Sequence[float]) -> Json:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": short(quantiles),
        "y": short(map(_size, known)),
        "text": [label(effect_name(one)) if one.verdict in SYMBOLS else "" for one in known],
        "textposition": "middle left",
        "customdata": [typeset(_said(one)) for one in known],
        "marker": {"color": INK, "size": 9, "symbol": [SYMBOLS.get(one.verdict or "", "circle-open") for one in known]},
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _line(known: Sequence[MainEffect], quantiles: Sequence[float]) -> Json:
    """Through zero and the median, as chance would have them."""
    slope = median(map(_size, known)) / NormalDist().inv_cdf(0.75)
    ends = [0.0, quantiles[-1]]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": short(ends),
        "y": short(slope * end for end in ends),
        "line": {"color": MUTED, "width": 1, "dash": "dash"},
        "hoverinfo": "skip",
    }


def _size(one: MainEffect) -> float:
    return abs(one.percent or 0.0)


def _said(one: MainEffect) -> str:
    estimate = percent_of(one)
    assert estimate is not None
    return f"{effect_name(one)} {signed(estimate.value, decimals(estimate.half_width, 1))} %"
