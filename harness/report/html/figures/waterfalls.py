"""Waterfalls: parts of a difference, steps of a ladder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from harness.model import Interval, Ladder, LadderStep, RungEffect, Waterfall, WaterfallPart
from harness.report.format import join_with_and, typeset_numbers, us_interval
from harness.report.html.figures.style import (
    COLORS,
    INK,
    NEUTRAL,
    ArmStyle,
    Json,
    PlotlyFigure,
    arm_label,
    axis,
    layout,
    row_heading,
    shorten_values,
    vertical_line,
    whiskers,
)
from harness.report.sections.ladder_words import ladder_title, percent_text, rung_name, summed_steps, us_text
from harness.report.sections.why import format_us_level

WATERFALL_ROW_HEIGHT, WATERFALL_AXIS_HEIGHT = 48, 62  # pixels
BAR_NAME_OFFSET, BAR_THICKNESS = 0.42, 0.4  # of a row
KIND_COLORS = {"network": COLORS[0], "sandbox": COLORS[2]}
SIGNIFICANT, NOT_SIGNIFICANT = 0.85, 0.35  # opacity of a bar
REQUEST_ROW_HEIGHT, REQUEST_AXIS_HEIGHT = 48, 62  # pixels
PART_NAME_OFFSET, PART_THICKNESS = 0.42, 0.4  # of a row
TOTAL_NAME = "full chain, measured"


@dataclass(frozen=True, slots=True)
class RungBar:
    """The bar of a rung, or of several at once."""

    name: str
    climb: RungEffect
    start_us: float
    color: str


def ladder_figure(ladder: Ladder, number: int) -> PlotlyFigure:
    """Return the steps that make up the whole, their sum, the whole, and the separate rungs."""
    bars = [bar for bar in _rung_bars(ladder) if us_interval(bar.climb)]
    texts = [_rung_text(bar) for bar in bars] or ["nothing is known"]
    alt = f"What each rung adds over {ladder_title(ladder)}: {join_with_and(texts)}."
    return PlotlyFigure(
        f"ladder-{number}", alt, [_rung_trace(place, bar) for place, bar in enumerate(bars)], _ladder_layout(bars)
    )


def _rung_bars(ladder: Ladder) -> Iterator[RungBar]:
    inside = summed_steps(ladder)
    starts = _rung_starts(ladder, inside)
    steps = [RungBar(rung_name(step), step, starts[step.arm], KIND_COLORS[step.kind]) for step in ladder.steps]
    yield from (bar for bar in steps if bar.climb in inside)
    for step in ladder.together:
        if step.sum:
            yield RungBar("the sum of these", step.sum, 0.0, NEUTRAL)
        yield RungBar("all at once", step.measured, 0.0, NEUTRAL)
    if ladder.top:
        yield RungBar(f"to {rung_name(ladder.top)} at once", ladder.top, 0.0, NEUTRAL)
    yield from (bar for bar in steps if bar.climb not in inside)


def _rung_starts(ladder: Ladder, inside: Sequence[LadderStep]) -> dict[str, float]:
    """Return the start of each step: the end of its reference, or, for stacked rungs, the end of the step before."""
    ends, starts, stacked = {ladder.bottom: 0.0}, {}, 0.0
    for step in ladder.steps:
        stacks = step.kind == "sandbox" and step in inside
        starts[step.arm] = stacked if stacks else ends.get(step.against, 0.0)
        ends[step.arm] = starts[step.arm] + (step.us or 0.0)
        stacked = ends[step.arm] if step in inside else stacked
    return starts


def _rung_trace(place: int, bar: RungBar) -> Json:
    estimate = us_interval(bar.climb)
    assert estimate is not None
    low, end, high = (bar.start_us + value for value in (estimate.low, estimate.value, estimate.high))
    return {
        "type": "bar",
        "orientation": "h",
        "y": [place],
        "x": shorten_values([estimate.value]),
        "base": shorten_values([bar.start_us]),
        "width": BAR_THICKNESS,
        "marker": {
            "color": bar.color,
            "opacity": SIGNIFICANT if bar.climb.verdict in ("faster", "slower") else NOT_SIGNIFICANT,
        },
        "error_x": whiskers([low], [end], [high], INK),
        "hovertemplate": f"{typeset_numbers(_rung_text(bar))}<extra></extra>",
    }


def _rung_text(bar: RungBar) -> str:
    return f"{bar.name} {us_text(bar.climb)}, {percent_text(bar.climb)}, {bar.climb.verdict or 'no verdict'}"


def _ladder_layout(bars: Sequence[RungBar]) -> Json:
    return layout(
        WATERFALL_ROW_HEIGHT * len(bars) + WATERFALL_AXIS_HEIGHT,
        xaxis=axis("us per request more than at the bottom", nticks=7),
        yaxis=axis(range=[len(bars) - 0.5, -0.85], visible=False),
        shapes=[vertical_line(0)],
        annotations=list(_rung_names(bars)),
        bargap=0,
    )


def _rung_names(bars: Sequence[RungBar]) -> Iterator[Json]:
    for place, bar in enumerate(bars):
        text = (
            f"<b>{typeset_numbers(us_text(bar.climb))}</b>  {arm_label(bar.name)}, {bar.climb.verdict or 'no verdict'}"
        )
        yield row_heading(text, place - BAR_NAME_OFFSET)


def waterfall_figure(parts: Waterfall, look: ArmStyle) -> PlotlyFigure:
    """Return the parts from the floor at the top to the full chain; a negative rest goes to the left."""
    rows = [*parts.parts, WaterfallPart(name=TOTAL_NAME, us=parts.total_us)]
    starts = [*accumulate((part.us.value for part in parts.parts), initial=0.0)][:-1]
    bars = [
        _part_bar(place, part.us, start, look)
        for place, (part, start) in enumerate(zip(rows, [*starts, 0.0], strict=True))
    ]
    alt = (
        f"Where the time of {parts.arm} goes: "
        f"{join_with_and([f'{part.name} {format_us_level(part.us)}' for part in rows])}."
    )
    return PlotlyFigure(f"waterfall-{parts.arm}", alt, bars, _waterfall_layout(rows))


def _part_bar(place: int, amount: Interval, start: float, look: ArmStyle) -> Json:
    bar: Json = {
        "type": "bar",
        "orientation": "h",
        "y": [place],
        "x": shorten_values([amount.value]),
        "base": shorten_values([start]),
        "width": PART_THICKNESS,
        "marker": {"color": look.color, "opacity": 0.8},
        "hovertemplate": f"{typeset_numbers(format_us_level(amount))}<extra></extra>",
    }
    if amount.low is not None and amount.high is not None:
        bar["error_x"] = whiskers([amount.low], [amount.value], [amount.high], INK)
    return bar


def _waterfall_layout(rows: Sequence[WaterfallPart]) -> Json:
    return layout(
        REQUEST_ROW_HEIGHT * len(rows) + REQUEST_AXIS_HEIGHT,
        xaxis=axis("us per request", rangemode="tozero", nticks=7),
        yaxis=axis(range=[len(rows) - 0.5, -0.85], visible=False),
        shapes=[vertical_line(0)],
        annotations=list(_part_names(rows)),
        bargap=0,
    )


def _part_names(rows: Sequence[WaterfallPart]) -> Iterator[Json]:
    for place, part in enumerate(rows):
        yield row_heading(f"<b>{typeset_numbers(format_us_level(part.us))}</b>  {part.name}", place - PART_NAME_OFFSET)
