"""Draws what was measured elsewhere under the arms here: the mean of every run, and its 99th percentile."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.model import Summary
from harness.report.foreign import HERE, P99, by_architecture, of_runs
from harness.report.html.figures.style import (
    INK,
    Figure,
    Json,
    appearances,
    axis,
    label,
    layout,
    log_axis,
    mark,
    short,
)
from harness.report.wording import listed

ROW, AXIS = 30, 60  # pixels
ROWS_OF_NAMES = 24  # pixels


class Line(NamedTuple):
    name: str
    means_us: Sequence[float]
    p99s_us: Sequence[float]
    color: str


def elsewhere(summary: Summary) -> Figure | None:
    """None where no file was given that tells a mean or a p99."""
    lines = list(_lines(summary))
    times_us = [us for line in lines for us in (*line.means_us, *line.p99s_us) if us > 0]
    if not summary.foreign or not times_us:
        return None
    data = [
        _points(lines, "mean", [line.means_us for line in lines], "circle"),
        _points(lines, "p99", [line.p99s_us for line in lines], "line-ns-open"),
    ]
    xaxis = log_axis("ms per request", min(times_us) / 1000, max(times_us) / 1000)
    names = [label(line.name) for line in lines]
    yaxis = axis(tickvals=list(range(len(lines))), ticktext=names, range=[len(lines) - 0.5, -0.5])
    frame = layout(AXIS + ROWS_OF_NAMES + ROW * len(lines), xaxis=xaxis, yaxis=yaxis, showlegend=True)
    alt = f"Mean and p99 of every run: {listed([_said(line) for line in lines])}."
    return Figure("elsewhere", alt, data, frame | {"shapes": _references(lines)})


def _lines(summary: Summary) -> Iterator[Line]:
    looks = appearances(summary)
    for name, arm in summary.arms.items():
        yield Line(f"{HERE}: {name}", of_runs([arm.mean_us]), of_runs([arm.p99_us]), looks[name].color)
    for name, runs in by_architecture(summary.foreign).items():
        p99s_us = of_runs(run.percentiles_us.get(P99) for run in runs)
        yield Line(name, of_runs(run.mean_us for run in runs), p99s_us, INK)


def _points(lines: Sequence[Line], name: str, of_lines: Sequence[Sequence[float]], symbol: str) -> Json:
    places = [place for place, values in enumerate(of_lines) for us in values if us > 0]
    values_us = [us for values in of_lines for us in values if us > 0]
    colors = [lines[place].color for place in places]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": short(us / 1000 for us in values_us),
        "y": places,
        "text": [label(lines[place].name) for place in places],
        "hovertemplate": f"%{{text}}: {name} %{{x:.4~g}} ms<extra></extra>",
        "marker": {"symbol": symbol, "size": 10, "color": colors, "line": {"width": 2, "color": colors}},
    }


def _references(lines: Sequence[Line]) -> list[Json]:
    """The means here, drawn through: what is elsewhere is read against them."""
    here = [line for line in lines if line.name.startswith(f"{HERE}: ")]
    return [mark(line.means_us[0] / 1000, "dot") for line in here if line.means_us]


def _said(line: Line) -> str:
    means = ", ".join(f"{us / 1000:.3g}" for us in line.means_us) or "no mean"
    return f"{line.name} {means} ms"
