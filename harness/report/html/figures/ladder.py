"""The waterfall of a ladder: a bar for each rung that begins at the end of the one below."""

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

WATERFALL_ROW_HEIGHT, WATERFALL_AXIS_HEIGHT = 48, 62  # pixels
BAR_NAME_OFFSET, BAR_THICKNESS = 0.42, 0.4  # of a row
KIND_COLORS = {"network": COLORS[0], "sandbox": COLORS[2]}
SIGNIFICANT, NOT_SIGNIFICANT = 0.85, 0.35  # opacity of a bar


@dataclass(frozen=True, slots=True)
class RungBar:
    """The bar of a rung, or of several at once."""

    name: str
    climb: Climb
    start_us: float
    color: str


def climb(ladder: Ladder, number: int) -> Figure:
    """Return the steps that make up the whole, their sum, the whole, and the separate rungs."""
    bars = [bar for bar in _rung_bars(ladder) if us_of(bar.climb)]
    texts = [_rung_text(bar) for bar in bars] or ["nothing is known"]
    alt = f"What each rung adds over {title(ladder)}: {listed(texts)}."
    return Figure(
        f"ladder-{number}", alt, [_rung_trace(place, bar) for place, bar in enumerate(bars)], _ladder_layout(bars)
    )


def _rung_bars(ladder: Ladder) -> Iterator[RungBar]:
    inside = in_the_sum(ladder)
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
    estimate = us_of(bar.climb)
    assert estimate is not None
    low, end, high = (bar.start_us + value for value in (estimate.low, estimate.value, estimate.high))
    return {
        "type": "bar",
        "orientation": "h",
        "y": [place],
        "x": short([estimate.value]),
        "base": short([bar.start_us]),
        "width": BAR_THICKNESS,
        "marker": {
            "color": bar.color,
            "opacity": SIGNIFICANT if bar.climb.verdict in ("faster", "slower") else NOT_SIGNIFICANT,
        },
        "error_x": whiskers([low], [end], [high], INK),
        "hovertemplate": f"{typeset(_rung_text(bar))}<extra></extra>",
    }


def _rung_text(bar: RungBar) -> str:
    return f"{bar.name} {in_us(bar.climb)}, {in_percent(bar.climb)}, {bar.climb.verdict or 'no verdict'}"


def _ladder_layout(bars: Sequence[RungBar]) -> Json:
    return layout(
        WATERFALL_ROW_HEIGHT * len(bars) + WATERFALL_AXIS_HEIGHT,
        xaxis=axis("us per request more than at the bottom", nticks=7),
        yaxis=axis(range=[len(bars) - 0.5, -0.85], visible=False),
        shapes=[mark(0)],
        annotations=list(_rung_names(bars)),
        bargap=0,
    )


def _rung_names(bars: Sequence[RungBar]) -> Iterator[Json]:
    for place, bar in enumerate(bars):
        text = f"<b>{typeset(in_us(bar.climb))}</b>  {label(bar.name)}, {bar.climb.verdict or 'no verdict'}"
        yield heading(text, place - BAR_NAME_OFFSET)
