"""The waterfall of a request: a bar for each part that begins at the end of the one before."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from harness.model import Amount, Part, Waterfall
from harness.report.html.figures.style import (
    INK,
    Appearance,
    Figure,
    Json,
    axis,
    heading,
    layout,
    mark,
    short,
    whiskers,
)
from harness.report.html.typeset import typeset
from harness.report.why.words import level
from harness.report.wording import listed

REQUEST_ROW_HEIGHT, REQUEST_AXIS_HEIGHT = 48, 62  # pixels
PART_NAME_OFFSET, PART_THICKNESS = 0.42, 0.4  # of a row
TOTAL = "full chain, measured"


def waterfall(parts: Waterfall, look: Appearance) -> Figure:
    """Return the parts from the floor at the top to the full chain; a negative rest goes to the left."""
    rows = [*parts.parts, Part(name=TOTAL, us=parts.total_us)]
    starts = [*accumulate((part.us.value for part in parts.parts), initial=0.0)][:-1]
    bars = [
        _part_bar(place, part.us, start, look)
        for place, (part, start) in enumerate(zip(rows, [*starts, 0.0], strict=True))
    ]
    alt = f"Where the time of {parts.arm} goes: {listed([f'{part.name} {level(part.us)}' for part in rows])}."
    return Figure(f"waterfall-{parts.arm}", alt, bars, _waterfall_layout(rows))


def _part_bar(place: int, amount: Amount, start: float, look: Appearance) -> Json:
    bar: Json = {
        "type": "bar",
        "orientation": "h",
        "y": [place],
        "x": short([amount.value]),
        "base": short([start]),
        "width": PART_THICKNESS,
        "marker": {"color": look.color, "opacity": 0.8},
        "hovertemplate": f"{typeset(level(amount))}<extra></extra>",
    }
    if amount.low is not None and amount.high is not None:
        bar["error_x"] = whiskers([amount.low], [amount.value], [amount.high], INK)
    return bar


def _waterfall_layout(rows: Sequence[Part]) -> Json:
    return layout(
        REQUEST_ROW_HEIGHT * len(rows) + REQUEST_AXIS_HEIGHT,
        xaxis=axis("us per request", rangemode="tozero", nticks=7),
        yaxis=axis(range=[len(rows) - 0.5, -0.85], visible=False),
        shapes=[mark(0)],
        annotations=list(_part_names(rows)),
        bargap=0,
    )


def _part_names(rows: Sequence[Part]) -> Iterator[Json]:
    for place, part in enumerate(rows):
        yield heading(f"<b>{typeset(level(part.us))}</b>  {part.name}", place - PART_NAME_OFFSET)
