"""The figure of imported results: mean and p99 of every run, below those of the arms."""

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

RUN_HEIGHT, RUN_AXIS_HEIGHT, RUN_LEGEND_HEIGHT = 30, 60, 24  # pixels


class RunLine(NamedTuple):
    """The runs of one architecture, or one arm, as a row of the figure."""

    name: str
    means_us: Sequence[float]
    p99s_us: Sequence[float]
    color: str


def elsewhere(summary: Summary) -> Figure | None:
    """Return the figure if any imported run has a mean or a p99."""
    lines = list(_run_lines(summary))
    times_us = [us for line in lines for us in (*line.means_us, *line.p99s_us) if us > 0]
    if not summary.foreign or not times_us:
        return None
    data = [
        _run_points(lines, "mean", [line.means_us for line in lines], "circle"),
        _run_points(lines, "p99", [line.p99s_us for line in lines], "line-ns-open"),
    ]
    xaxis = log_axis("ms per request", min(times_us) / 1000, max(times_us) / 1000)
    names = [label(line.name) for line in lines]
    yaxis = axis(tickvals=list(range(len(lines))), ticktext=names, range=[len(lines) - 0.5, -0.5])
    frame = layout(
        RUN_AXIS_HEIGHT + RUN_LEGEND_HEIGHT + RUN_HEIGHT * len(lines), xaxis=xaxis, yaxis=yaxis, showlegend=True
    )
    alt = f"Mean and p99 of every run: {listed([_run_text(line) for line in lines])}."
    return Figure("elsewhere", alt, data, frame | {"shapes": _mean_marks(lines)})


def _run_lines(summary: Summary) -> Iterator[RunLine]:
    looks = appearances(summary)
    for name, arm in summary.arms.items():
        yield RunLine(f"{HERE}: {name}", of_runs([arm.mean_us]), of_runs([arm.p99_us]), looks[name].color)
    for name, runs in by_architecture(summary.foreign).items():
        p99s_us = of_runs(run.percentiles_us.get(P99) for run in runs)
        yield RunLine(name, of_runs(run.mean_us for run in runs), p99s_us, INK)


def _run_points(lines: Sequence[RunLine], name: str, of_lines: Sequence[Sequence[float]], symbol: str) -> Json:
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


def _mean_marks(lines: Sequence[RunLine]) -> list[Json]:
    """Return vertical lines at the means of the arms here."""
    here = [line for line in lines if line.name.startswith(f"{HERE}: ")]
    return [mark(line.means_us[0] / 1000, "dot") for line in here if line.means_us]


def _run_text(line: RunLine) -> str:
    means = ", ".join(f"{us / 1000:.3g}" for us in line.means_us) or "no mean"
    return f"{line.name} {means} ms"
