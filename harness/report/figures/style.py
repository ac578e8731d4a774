"""Parts that figures share: colors and symbols of arms, axes with room around their values, headings of rows."""

from collections.abc import Iterable
from itertools import count
from math import log10

from harness.model import Summary
from harness.report.document import Axis, Label, Style

COLORS = tuple(f"arm-{number}" for number in range(8))
NEUTRAL_COLOR = "arm-control"
ARM_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot")
WHISKER = Style(symbol="")  # an interval without a point
BOUNDARY = Style("muted", dash="dot", is_faint=True)
ROOM = 0.05  # of an axis, on both sides
ROW_HEADING_OFFSET, FIRST_ROW_TOP = 0.43, 0.8  # of a row
MAX_NAME_LENGTH = 26


def arm_styles(summary: Summary) -> dict[str, Style]:
    """Return the look of each arm: no two differ in color only; controls are grey."""
    arms = [name for name, arm in summary.arms.items() if arm.control_of is None]
    controls = {name: Style(NEUTRAL_COLOR, "x", "dot") for name in summary.arms if name not in arms}
    return {name: _arm_style(number) for number, name in enumerate(arms)} | controls


def pair_styles(summary: Summary, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Style]:
    """Return the look of each pair: that of its arm; one of its own for each further reference of the arm."""
    styles: dict[tuple[str, str], Style] = {}
    of_arms = arm_styles(summary)
    unused = map(_arm_style, count(sum(arm.control_of is None for arm in summary.arms.values())))
    for pair in dict.fromkeys(pairs):
        styles[pair] = of_arms.pop(pair[0]) if pair[0] in of_arms else next(unused)
    return styles


def _arm_style(number: int) -> Style:
    """Return the look of an arm by number; after 8 arms, colors repeat with other symbols and dashes."""
    lap = number // len(COLORS)
    symbol = ARM_SYMBOLS[(number + lap) % len(ARM_SYMBOLS)]
    return Style(COLORS[number % len(COLORS)], symbol, DASHES[lap % len(DASHES)])


def short_name(name: str) -> str:
    """Return the name, without its middle if it is long; tables have the full name."""
    half = MAX_NAME_LENGTH // 2
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[:half]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"


def reference_name(arm: str, against: str) -> str:
    """Return what sets the reference apart from the arm: `tcp` of `wrk/tcp` for `wrk/uds-tmpfs`."""
    ours, theirs = arm.split("/"), against.split("/")
    differing = [their for our, their in zip(ours, theirs, strict=False) if our != their]
    return short_name("/".join(differing) if len(ours) == len(theirs) and differing else against)


def axis_around(values: Iterable[float], title: str, suffix: str = "") -> Axis:
    """Return an axis on which all `values` lie, with some room."""
    low, high = _ends(values)
    room = ROOM * (high - low or 1)
    return Axis(low - room, high + room, title, suffix)


def axis_from_zero(values: Iterable[float], title: str, suffix: str = "") -> Axis:
    """Return an axis from zero to the highest of `values`, with some room."""
    return axis_around([0, *values], title, suffix)


def log_axis(values: Iterable[float], title: str) -> Axis:
    """Return a logarithmic axis on which all `values` lie, with some room."""
    low, high = _ends(values)
    room = 10 ** (ROOM * max(log10(high / low), 0.1))
    return Axis(low / room, high * room, title, is_log=True)


def _ends(values: Iterable[float]) -> tuple[float, float]:
    listed = list(values)
    return min(listed), max(listed)


def row_axis(rows: int) -> Axis:
    """Return the axis of rows 0, 1, ... from top to bottom, each with room for a heading above."""
    return Axis(rows - 0.5, -FIRST_ROW_TOP, is_visible=False)


def row_heading(row: int, x: Axis, strong: str, text: str) -> Label:
    """Return the heading above a row; its least important words are last because they are cut where it is too long."""
    return Label(x.low, row - ROW_HEADING_OFFSET, text, strong)
