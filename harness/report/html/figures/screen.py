"""The half-normal plot of a screen: settings without effect lie on a line, significant ones above it."""

from collections.abc import Sequence
from statistics import NormalDist, median

from harness.model import MainEffect, Summary
from harness.report.factors.screen import effect_name
from harness.report.html.figures.style import INK, MUTED, Figure, Json, axis, label, layout, short
from harness.report.html.typeset import typeset
from harness.report.selection import main_effects
from harness.report.wording import listed, percent_alone, percent_of

HEIGHT = 360  # pixels
SYMBOLS = {"faster": "triangle-down", "slower": "triangle-up"}


def half_normal(summary: Summary) -> Figure | None:
    """Return absolute effects over half-normal quantiles (Daniel 1959); None for fewer than three effects."""
    main, _ = main_effects(summary)
    effects = sorted((effect for effect in main if percent_of(effect)), key=_size)
    if len(effects) < 3:
        return None
    quantiles = [NormalDist().inv_cdf(0.5 + (place + 0.5) / len(effects) / 2) for place in range(len(effects))]
    own = {
        "xaxis": axis("expected by chance, in standard deviations", rangemode="tozero"),
        "yaxis": axis("absolute effect", ticksuffix=" %", rangemode="tozero"),
    }
    alt = f"Effects from the smallest to the largest: {listed([_effect_text(effect) for effect in effects])}."
    return Figure("half-normal", alt, [_line(effects, quantiles), _points(effects, quantiles)], layout(HEIGHT, **own))


def _points(effects: Sequence[MainEffect], quantiles: Sequence[float]) -> Json:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": short(quantiles),
        "y": short(map(_size, effects)),
        "text": [label(effect_name(effect)) if effect.verdict in SYMBOLS else "" for effect in effects],
        "textposition": "middle left",
        "customdata": [typeset(_effect_text(effect)) for effect in effects],
        "marker": {
            "color": INK,
            "size": 9,
            "symbol": [SYMBOLS.get(effect.verdict or "", "circle-open") for effect in effects],
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
        "x": short(ends),
        "y": short(slope * end for end in ends),
        "line": {"color": MUTED, "width": 1, "dash": "dash"},
        "hoverinfo": "skip",
    }


def _size(effect: MainEffect) -> float:
    return abs(effect.percent or 0.0)


def _effect_text(effect: MainEffect) -> str:
    estimate = percent_of(effect)
    assert estimate is not None
    return f"{effect_name(effect)} {percent_alone(estimate)}"
