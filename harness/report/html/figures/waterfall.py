"""Draws where the time of a request goes: a bar for each part, beginning where the one before ended."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from harness.model import Amount, Part, Waterfall
from harness.report.html.figures.style import (
    INK,
    TEXT,
    Appearance,
    Figure,
    Json,
    axis,
    layout,
    mark,
    note,
    short,
    whiskers,
)
from harness.report.html.typeset import typeset
from harness.report.why.words import level
from harness.report.wording import listed

ROW, BENEATH = 48, 62  # pixels
ABOVE, THICK = 0.42, 0.4  # of a row
TOTAL = "the full chain, as measured"


def waterfall(seen: Waterfall, look: Appearance) -> Figure:
    """From the floor at the top to the full chain at the bottom; a rest below zero leads back."""
    rows = [*seen.parts, Part(name=TOTAL, us=seen.total_us)]
    starts = [0.0, *accumulate(part.us.value for part in seen.parts)][: len(seen.parts)]
    data = [
        _bar(place, part.us, start, look) for place, (part, start) in enumerate(zip(rows, [*starts, 0.0], strict=True))
    ]
    alt = f"Where the time of {seen.arm} goes: {listed([f'{part.name} {level(part.us)}' for part in rows])}."
    return Figure(f"waterfall-{seen.arm}", alt, data, _frame(rows))


def _bar(place: int, amount: Amount, start: float, look: Appearance) -> Json:
    bar: Json = {
        "type": "bar",
        "orientation": "h",
        "y": [place],
        "x": short([amount.value]),
        "base": short([start]),
        "width": THICK,
        "marker": {"color": look.color, "opacity": 0.8},
        "hovertemplate": f"{typeset(level(amount))}<extra></extra>",
    }
    if amount.low is not None and amount.high is not None:
        bar["error_x"] = whiskers([amount.low], [amount.value], [amount.high], INK)
    return bar


def _frame(rows: Sequence[Part]) -> Json:
    return layout(
        ROW * len(rows) + BENEATH,
        xaxis=axis("us per request", rangemode="tozero", nticks=7),
        yaxis=axis(range=[len(rows) - 0.5, -0.85], visible=False),
        shapes=[mark(0)],
        annotations=list(_names(rows)),
        bargap=0,
    )


def _names(rows: Sequence[Part]) -> Iterator[Json]:
    for place, part in enumerate(rows):
        above = {"x": 0, "xref": "paper", "xanchor": "left", "y": place - ABOVE, "yref": "y", "yanchor": "middle"}
        name = {**note(f"<b>{typeset(level(part.us))}</b>  {part.name}", **above), "font": {"color": INK, "size": TEXT}}
        yield {**name, "bgcolor": "var(--page)", "borderpad": 1}
