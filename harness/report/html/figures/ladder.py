"""Draws a ladder as a waterfall: a bar for each rung, beginning where the one below ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.model import Climb, Ladder, LadderStep
from harness.report.html.figures.style import (
    COLORS,
    INK,
    NEUTRAL,
    Figure,
    Json,
    axis,
    heading,
    label,
    layout,
    mark,
    short,
    whiskers,
)
from harness.report.html.typeset import typeset
from harness.report.ladder.words import in_percent, in_the_sum, in_us, rung_name, title
from harness.report.wording import listed, us_of

ROW, BENEATH = 48, 62  # pixels
ABOVE, THICK = 0.42, 0.4  # of a row
OF_KIND = {"network": COLORS[0], "sandbox": COLORS[2]}
DECIDED, OPEN = 0.85, 0.35  # how solid a bar is


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    climb: Climb
    start_us: float
    color: str


def climb(ladder: Ladder, number: int) -> Figure:
    """From the bottom up: the steps that make up the whole, their sum, the whole, then the rungs beside it."""
    bars = [bar for bar in _bars(ladder) if us_of(bar.climb)]
    alt = f"What each rung adds over {title(ladder)}: {listed([_said(bar) for bar in bars] or ['nothing is known'])}."
    return Figure(f"ladder-{number}", alt, [_drawn(place, bar) for place, bar in enumerate(bars)], _frame(bars))


def _bars(ladder: Ladder) -> Iterator[Bar]:
    inside = in_the_sum(ladder)
    starts = _starts(ladder, inside)
    steps = [Bar(rung_name(one), one, starts[one.arm], OF_KIND[one.kind]) for one in ladder.steps]
    yield from (bar for bar in steps if bar.climb in inside)
    for one in ladder.together:
        if one.sum:
            yield Bar("the sum of these", one.sum, 0.0, NEUTRAL)
        yield Bar("all at once", one.measured, 0.0, NEUTRAL)
    if ladder.top:
        yield Bar(f"to {rung_name(ladder.top)} at once", ladder.top, 0.0, NEUTRAL)
    yield from (bar for bar in steps if bar.climb not in inside)


def _starts(ladder: Ladder, inside: Sequence[LadderStep]) -> dict[str, float]:
    """Where each step begins: where the one that it stands on ended, and what is stacked where the last one did."""
    ends, starts, stacked = {ladder.bottom: 0.0}, {}, 0.0
    for one in ladder.steps:
        stacks = one.kind == "sandbox" and one in inside
        starts[one.arm] = stacked if stacks else ends.get(one.against, 0.0)
        ends[one.arm] = starts[one.arm] + (one.us or 0.0)
        stacked = ends[one.arm] if one in inside else stacked
    return starts


def _drawn(place: int, bar: Bar) -> Json:
    estimate = us_of(bar.climb)
    assert estimate is not None
    low, end, high = (bar.start_us + value for value in (estimate.low, estimate.value, estimate.high))
    return {
        "type": "bar",
        "orientation": "h",
        "y": [place],
        "x": short([estimate.value]),
        "base": short([bar.start_us]),
        "width": THICK,
        "marker": {
            "color": bar.color,
            "opacity": DECIDED if bar.climb.verdict in ("faster", "slower") else OPEN,
        },
        "error_x": whiskers([low], [end], [high], INK),
        "hovertemplate": f"{typeset(_said(bar))}<extra></extra>",
    }


def _said(bar: Bar) -> str:
    return f"{bar.name} {in_us(bar.climb)}, {in_percent(bar.climb)}, {bar.climb.verdict or 'no verdict'}"


def _frame(bars: Sequence[Bar]) -> Json:
    return layout(
        ROW * len(bars) + BENEATH,
        xaxis=axis("us per request more than at the bottom", nticks=7),
        yaxis=axis(range=[len(bars) - 0.5, -0.85], visible=False),
        shapes=[mark(0)],
        annotations=list(_names(bars)),
        bargap=0,
    )


def _names(bars: Sequence[Bar]) -> Iterator[Json]:
    for place, bar in enumerate(bars):
        text = f"<b>{typeset(in_us(bar.climb))}</b>  {label(bar.name)}, {bar.climb.verdict or 'no verdict'}"
        yield heading(text, place - ABOVE)
