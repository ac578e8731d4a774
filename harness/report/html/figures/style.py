"""What all figures share: the type, each arm's look, the axes, and the room around them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any

from harness.model import Summary

Json = dict[str, Any]

INK, MUTED, LINE, BAND, NEUTRAL = (f"var(--{name})" for name in ("ink", "muted", "line", "band", "arm-control"))
COLORS = tuple(f"var(--arm-{number})" for number in range(8))
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot")
TEXT, SMALL, LEGEND = 13, 12, 20  # pixels: letters, small ones, a row of names
LONGEST, SAMPLE, NARROWEST = 26, 7, 32  # characters: of a name, as wide as a line beside it, as wide as a phone
STEPS, WIDE, VERY_WIDE, MOST_TICKS = (1, 2, 5), 0.7, 3.0, 9  # labels of an axis; decades


@dataclass(frozen=True, slots=True)
class Figure:
    """`alt` says in words what is drawn; `data` and `layout` are plotly's."""

    name: str
    alt: str
    data: Sequence[Json]
    layout: Json


@dataclass(frozen=True, slots=True)
class Appearance:
    """How an arm is drawn, everywhere alike; no two arms differ in color alone."""

    color: str
    symbol: str
    dash: str


def appearances(summary: Summary) -> dict[str, Appearance]:
    """Controls are drawn as what they are: nothing to look at for its own sake."""
    asked = [name for name, arm in summary.arms.items() if arm.control_of is None]
    controls = {name: Appearance(NEUTRAL, "x", "dot") for name in summary.arms if name not in asked}
    return {name: _appearance(number) for number, name in enumerate(asked)} | controls


def _appearance(number: int) -> Appearance:
    """Colors repeat after 8 arms, then with other symbols and dashes."""
    lap = number // len(COLORS)
    return Appearance(COLORS[number % len(COLORS)], SYMBOLS[(number + lap) % len(SYMBOLS)], DASHES[lap % len(DASHES)])


def layout(height: int, **own: Any) -> Json:
    """Room and manners; `own` are the figure's axes, shapes and the like."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "font": {"color": INK, "size": TEXT, "family": "system-ui, sans-serif"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "hoverlabel": {"bgcolor": "var(--page)", "bordercolor": LINE, "font": {"color": INK}},
        "legend": {"orientation": "h", "x": 0, "y": 1.03, "yanchor": "bottom", "maxheight": 1},
        **own,
    }


def axis(title: str = "", **own: Any) -> Json:
    return {
        "title": {"text": title, "font": {"size": TEXT, "color": MUTED}, "standoff": 12},
        "tickfont": {"color": MUTED, "size": SMALL},
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        **own,
    }


def log_axis(title: str, low: float, high: float, **own: Any) -> Json:
    """A logarithmic axis over `low` to `high`."""
    room = 0.03 * max(log10(high / low), 0.1)
    bounds = (log10(low) - room, log10(high) + room)
    return axis(title, type="log", range=list(bounds), **log_ticks(bounds), **own)


def log_ticks(bounds: tuple[float, float]) -> Json:
    """Labels between two logarithms: at 1, 2 and 5 of each decade, or at equal steps within one."""
    low, high = bounds
    steps = STEPS if high - low < VERY_WIDE else (1,)
    of_decades = [step * 10.0**power for power in range(floor(low), ceil(high) + 1) for step in steps]
    ticks = of_decades if high - low > WIDE else round_numbers(10**low, 10**high)
    return {"tickvals": ticks, "ticktext": [f"{tick:.6g}" for tick in ticks]}


def round_numbers(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, as close as they can be read."""
    widest = 10.0 ** ceil(log10(high - low))
    step = next(widest / by for by in (50, 20, 10, 5, 2, 1) if (high - low) * by / widest <= MOST_TICKS)
    return [step * place for place in range(ceil(low / step), floor(high / step) + 1)]


def whiskers(lows: Sequence[float], values: Sequence[float], highs: Sequence[float], color: str) -> Json:
    """Intervals about values."""
    return {
        "type": "data",
        "symmetric": False,
        "array": short(high - value for value, high in zip(values, highs, strict=True)),
        "arrayminus": short(value - low for value, low in zip(values, lows, strict=True)),
        "color": color,
        "thickness": 2.5,
        "width": 0,
    }


def span(low: float, high: float, color: str = BAND) -> Json:
    """A band from `low` to `high` of the horizontal axis, beneath the data."""
    return {**_upright(low, high), "type": "rect", "fillcolor": color, "line": {"width": 0}}


def mark(place: float, dash: str = "solid") -> Json:
    """An upright line across the figure, beneath the data."""
    line = {"color": MUTED, "width": 1, "dash": dash}
    return {**_upright(place, place), "type": "line", "line": line, "opacity": 0.6}


def _upright(low: float, high: float) -> Json:
    return {"x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}


def note(text: str, **own: Any) -> Json:
    return {"text": text, "showarrow": False, "font": {"color": MUTED, "size": SMALL}, **own}


def heading(text: str, place: float) -> Json:
    """A row's name, written at the left over what is drawn of it; `place` counts rows."""
    left = {"x": 0, "xref": "paper", "xanchor": "left", "y": place, "yref": "y", "yanchor": "middle"}
    return {**note(text, **left), "font": {"color": INK, "size": TEXT}, "bgcolor": "var(--page)", "borderpad": 1}


def label(arm: str) -> str:
    """The name for plotly, which reads markup and has no room; the tables have it in full."""
    half = LONGEST // 2
    return escape(arm if len(arm) <= LONGEST else f"{arm[:half]}\N{HORIZONTAL ELLIPSIS}{arm[-half:]}", quote=False)


def short(values: Iterable[float | None]) -> list[float | None]:
    """Six digits of each, which is more than an eye or a screen has."""
    return [None if value is None else float(f"{value:.6g}") for value in values]


def curve(arm: str, look: Appearance, xs: Sequence[float | None], ys: Sequence[float | None], **own: Any) -> Json:
    """A line of an arm, named in the legend; a second line of the arm comes and goes with the first."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label(arm),
        "legendgroup": arm,
        "x": list(xs),
        "y": list(ys),
        "line": {"color": look.color, "dash": look.dash, "width": 1.8},
        "marker": {"color": look.color, "symbol": look.symbol, "size": 4},
        **own,
    }


def curves_layout(height: int, arms: Sequence[str], **own: Any) -> Json:
    """Room for curves and, above them, for the names of the arms where the page is narrowest."""
    rows = ceil(sum(len(label(arm)) + SAMPLE for arm in arms) / NARROWEST)
    return layout(height + LEGEND * rows, showlegend=len(arms) > 1, **own)
