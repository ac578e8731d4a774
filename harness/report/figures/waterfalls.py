"""Waterfalls: parts of a difference, steps of a ladder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

from harness.model import Interval, Ladder, LadderStep, RungEffect, Waterfall, WaterfallPart
from harness.report.document import Bar, Figure, Guide, Mark, Points, Style
from harness.report.figures.style import COLORS, NEUTRAL_COLOR, WHISKER, axis_around, row_axis, row_heading, short_name
from harness.report.format import format_us_level, join_with_and, percent_text, us_text
from harness.report.select import ladder_title, rung_name, summed_steps

ROW_HEIGHT = 44  # pixels
KIND_COLORS = {"network": COLORS[0], "sandbox": COLORS[2]}


@dataclass(frozen=True, slots=True)
class BarRow:
    """A bar of `us` from `start_us`, with its interval; `amount` and `text` are its heading."""

    start_us: float
    us: Interval
    style: Style
    amount: str
    text: str
    alt: str


def ladder_figure(ladder: Ladder, number: int) -> Figure | None:
    """Return the steps that make up the whole, their sum, the whole, and the separate rungs; None without numbers."""
    rows = [
        BarRow(
            start_us,
            effect.in_us,
            Style(color, is_faint=effect.verdict not in ("faster", "slower")),
            us_text(effect),
            f"{short_name(name)}, {effect.verdict or 'no verdict'}",
            f"{name} {us_text(effect)}, {percent_text(effect)}, {effect.verdict or 'no verdict'}",
        )
        for name, effect, start_us, color in rung_bars(ladder)
        if effect.in_us and effect.in_us.low is not None
    ]
    if not rows:
        return None
    title = ladder_title(ladder)
    alt = f"What each rung adds over {title}: {join_with_and([row.alt for row in rows])}."
    return _waterfall(f"ladder-{number}", f"Over {title}", alt, rows, "us per request more than at the bottom")


def rung_bars(ladder: Ladder) -> Iterator[tuple[str, RungEffect, float, str]]:
    """Yield (name, effect, start in us, color) of each bar, from the top down."""
    inside = summed_steps(ladder)
    starts = _starts(ladder, inside)
    steps = [(rung_name(step), step, starts[step.arm], KIND_COLORS[step.kind]) for step in ladder.steps]
    yield from (bar for bar in steps if bar[1] in inside)
    for together in ladder.together:
        if together.sum:
            yield "the sum of these", together.sum, 0.0, NEUTRAL_COLOR
        yield "all at once", together.measured, 0.0, NEUTRAL_COLOR
    if ladder.top:
        yield f"to {rung_name(ladder.top)} at once", ladder.top, 0.0, NEUTRAL_COLOR
    yield from (bar for bar in steps if bar[1] not in inside)


def _starts(ladder: Ladder, inside: Sequence[LadderStep]) -> dict[str, float]:
    """Return the start of each step: the end of its reference, or, for stacked rungs, the end of the step before."""
    ends, starts, stacked = {ladder.bottom: 0.0}, {}, 0.0
    for step in ladder.steps:
        stacks = step.kind == "sandbox" and step in inside
        starts[step.arm] = stacked if stacks else ends.get(step.against, 0.0)
        ends[step.arm] = starts[step.arm] + (step.us or 0.0)
        stacked = ends[step.arm] if step in inside else stacked
    return starts


def waterfall_figure(parts: Waterfall, style: Style) -> Figure:
    """Return the parts from the floor at the top to the full chain; a negative rest goes to the left."""
    whole = WaterfallPart(name="full chain, measured", us=parts.total_us)
    starts = accumulate((part.us.value for part in parts.parts), initial=0.0)
    rows = [
        BarRow(start_us, part.us, style, amount, part.name, f"{part.name} {amount}")
        for part, start_us in [*zip(parts.parts, starts, strict=False), (whole, 0.0)]
        for amount in [format_us_level(part.us)]
    ]
    title = f"Where the time of {parts.arm} goes"
    alt = f"{title}: {join_with_and([row.alt for row in rows])}."
    return _waterfall(f"waterfall-{parts.arm}", title, alt, rows, "us per request")


def _waterfall(name: str, title: str, alt: str, rows: Sequence[BarRow], unit: str) -> Figure:
    ends = [[row.start_us + (us or 0) for us in (0, row.us.value, row.us.low, row.us.high)] for row in rows]
    x = axis_around([0, *chain.from_iterable(ends)], unit)
    marks: list[Mark] = [Guide(0)]
    for place, (row, (start, end, low, high)) in enumerate(zip(rows, ends, strict=True)):
        marks.append(row_heading(place, x, row.amount, row.text))
        marks.append(Bar(place, start, end, row.style, row.alt))
        if row.us.low is not None:
            marks.append(Points([end], [place], WHISKER, lows=[low], highs=[high]))
    return Figure(name, alt, ROW_HEIGHT * len(rows), x, row_axis(len(rows)), marks, title)
