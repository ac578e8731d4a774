"""The style that figures share, and texts as HTML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any

from harness.model import Summary

Json = dict[str, Any]

INK, MUTED, LINE, BAND, NEUTRAL = (f"var(--{name})" for name in ("ink", "muted", "line", "band", "arm-control"))
COLORS = tuple(f"var(--arm-{number})" for number in range(8))
ARM_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot")
TEXT_SIZE, SMALL_TEXT, LEGEND_ROW_HEIGHT = 13, 12, 20  # pixels: text, small text, a row of the legend
MAX_LABEL_LENGTH, LEGEND_LINE_WIDTH, MIN_PAGE_WIDTH = 26, 7, 32  # characters: a name, the line beside it, a phone
TICK_STEPS, WIDE_DECADES, VERY_WIDE_DECADES, MAX_TICKS = (1, 2, 5), 0.7, 3.0, 9  # ticks of an axis; widths in decades


def layout(height: int, **own: Any) -> Json:
    """Return the common layout; `own` adds axes, shapes and annotations."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "font": {"color": INK, "size": TEXT_SIZE, "family": "system-ui, sans-serif"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "hoverlabel": {"bgcolor": "var(--page)", "bordercolor": LINE, "font": {"color": INK}},
        "legend": {"orientation": "h", "x": 0, "y": 1.03, "yanchor": "bottom", "maxheight": 1},
        **own,
    }


@dataclass(frozen=True, slots=True)
class PlotlyFigure:
    """A plotly figure: `alt` describes it in words; `data` and `layout` are plotly's."""

    name: str
    alt: str
    data: Sequence[Json]
    layout: Json


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """The appearance of an arm in all figures; no two arms differ in color only."""

    color: str
    symbol: str
    dash: str


def arm_styles(summary: Summary) -> dict[str, ArmStyle]:
    """Return the appearance of each arm; controls are grey."""
    arms = [name for name, arm in summary.arms.items() if arm.control_of is None]
    controls = {name: ArmStyle(NEUTRAL, "x", "dot") for name in summary.arms if name not in arms}
    return {name: _appearance(number) for number, name in enumerate(arms)} | controls


def _appearance(number: int) -> ArmStyle:
    """Return the appearance of an arm by number; after 8 arms, colors repeat with other symbols and dashes."""
    lap = number // len(COLORS)
    return ArmStyle(
        COLORS[number % len(COLORS)], ARM_SYMBOLS[(number + lap) % len(ARM_SYMBOLS)], DASHES[lap % len(DASHES)]
    )


def axis(title: str = "", **own: Any) -> Json:
    """Return an axis in the common style."""
    return {
        "title": {"text": title, "font": {"size": TEXT_SIZE, "color": MUTED}, "standoff": 12},
        "tickfont": {"color": MUTED, "size": SMALL_TEXT},
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        **own,
    }


def log_axis(title: str, low: float, high: float, **own: Any) -> Json:
    """Return a logarithmic axis from `low` to `high`."""
    room = 0.03 * max(log10(high / low), 0.1)
    bounds = (log10(low) - room, log10(high) + room)
    return axis(title, type="log", range=list(bounds), **log_ticks(bounds), **own)


def log_ticks(bounds: tuple[float, float]) -> Json:
    """Return ticks between two logarithms: 1, 2 and 5 of each decade, or equal steps within one decade."""
    low, high = bounds
    steps = TICK_STEPS if high - low < VERY_WIDE_DECADES else (1,)
    of_decades = [step * 10.0**power for power in range(floor(low), ceil(high) + 1) for step in steps]
    ticks = of_decades if high - low > WIDE_DECADES else round_numbers(10**low, 10**high)
    return {"tickvals": ticks, "ticktext": [f"{tick:.6g}" for tick in ticks]}


def round_numbers(low: float, high: float) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten, as many as can be read."""
    widest = 10.0 ** ceil(log10(high - low))
    step = next(widest / by for by in (50, 20, 10, 5, 2, 1) if (high - low) * by / widest <= MAX_TICKS)
    return [step * place for place in range(ceil(low / step), floor(high / step) + 1)]


def whiskers(lows: Sequence[float], values: Sequence[float], highs: Sequence[float], color: str) -> Json:
    """Return intervals around values as error bars."""
    return {
        "type": "data",
        "symmetric": False,
        "array": shorten_values(high - value for value, high in zip(values, highs, strict=True)),
        "arrayminus": shorten_values(value - low for value, low in zip(values, lows, strict=True)),
        "color": color,
        "thickness": 2.5,
        "width": 0,
    }


def vertical_band(low: float, high: float, color: str = BAND) -> Json:
    """Return a band from `low` to `high` of the horizontal axis, behind the data."""
    return {**_vertical_extent(low, high), "type": "rect", "fillcolor": color, "line": {"width": 0}}


def vertical_line(place: float, dash: str = "solid") -> Json:
    """Return a vertical line across the figure, behind the data."""
    line = {"color": MUTED, "width": 1, "dash": dash}
    return {**_vertical_extent(place, place), "type": "line", "line": line, "opacity": 0.6}


def _vertical_extent(low: float, high: float) -> Json:
    return {"x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}


def annotation(text: str, **own: Any) -> Json:
    """Return a small annotation."""
    return {"text": text, "showarrow": False, "font": {"color": MUTED, "size": SMALL_TEXT}, **own}


def row_heading(text: str, place: float) -> Json:
    """Return the name of a row, at the left above its data; `place` counts rows."""
    left = {"x": 0, "xref": "paper", "xanchor": "left", "y": place, "yref": "y", "yanchor": "middle"}
    return {
        **annotation(text, **left),
        "font": {"color": INK, "size": TEXT_SIZE},
        "bgcolor": "var(--page)",
        "borderpad": 1,
    }


def arm_label(arm: str) -> str:
    """Return the arm's name, escaped for plotly and shortened; tables have the full name."""
    half = MAX_LABEL_LENGTH // 2
    return escape(
        arm if len(arm) <= MAX_LABEL_LENGTH else f"{arm[:half]}\N{HORIZONTAL ELLIPSIS}{arm[-half:]}", quote=False
    )


def shorten_values(values: Iterable[float | None]) -> list[float | None]:
    """Return the values with six digits, which is more than a screen shows."""
    return [None if value is None else float(f"{value:.6g}") for value in values]


def curve(arm: str, look: ArmStyle, xs: Sequence[float | None], ys: Sequence[float | None], **own: Any) -> Json:
    """Return a line of an arm; the legend shows and hides all lines of an arm together."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": arm_label(arm),
        "legendgroup": arm,
        "x": list(xs),
        "y": list(ys),
        "line": {"color": look.color, "dash": look.dash, "width": 1.8},
        "marker": {"color": look.color, "symbol": look.symbol, "size": 4},
        **own,
    }


def curves_layout(height: int, arms: Sequence[str], **own: Any) -> Json:
    """Return the layout of curves, with room for the legend above them on the narrowest page."""
    rows = ceil(sum(len(arm_label(arm)) + LEGEND_LINE_WIDTH for arm in arms) / MIN_PAGE_WIDTH)
    return layout(height + LEGEND_ROW_HEIGHT * rows, showlegend=len(arms) > 1, **own)
