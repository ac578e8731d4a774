"""Figures of distributions: requests, load, imported runs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.analysis.plot_data import Distribution
from harness.model import LoadPoint, Summary
from harness.report.format import join_with_and
from harness.report.html.figures.style import (
    INK,
    ArmStyle,
    Json,
    PlotlyFigure,
    arm_label,
    arm_styles,
    axis,
    curve,
    curves_layout,
    layout,
    log_axis,
    shorten_values,
    vertical_line,
)
from harness.report.sections.imported import HERE, P99, group_by_architecture, known_values

RUN_HEIGHT, RUN_AXIS_HEIGHT, RUN_LEGEND_HEIGHT = 30, 60, 24  # pixels
LOAD_HEIGHT = 330  # pixels
MIN_LOAD_POINTS = 2
DISTRIBUTION_HEIGHT = 310  # pixels
NEARLY_ALL = 0.99


class RunLine(NamedTuple):
    """The runs of one architecture, or one arm, as a row of the figure."""

    name: str
    means_us: Sequence[float]
    p99s_us: Sequence[float]
    color: str


def imported_figure(summary: Summary) -> PlotlyFigure | None:
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
    names = [arm_label(line.name) for line in lines]
    yaxis = axis(tickvals=list(range(len(lines))), ticktext=names, range=[len(lines) - 0.5, -0.5])
    frame = layout(
        RUN_AXIS_HEIGHT + RUN_LEGEND_HEIGHT + RUN_HEIGHT * len(lines), xaxis=xaxis, yaxis=yaxis, showlegend=True
    )
    alt = f"Mean and p99 of every run: {join_with_and([_run_text(line) for line in lines])}."
    return PlotlyFigure("elsewhere", alt, data, frame | {"shapes": _mean_marks(lines)})


def _run_lines(summary: Summary) -> Iterator[RunLine]:
    looks = arm_styles(summary)
    for name, arm in summary.arms.items():
        yield RunLine(f"{HERE}: {name}", known_values([arm.mean_us]), known_values([arm.p99_us]), looks[name].color)
    for name, runs in group_by_architecture(summary.foreign).items():
        p99s_us = known_values(run.percentiles_us.get(P99) for run in runs)
        yield RunLine(name, known_values(run.mean_us for run in runs), p99s_us, INK)


def _run_points(lines: Sequence[RunLine], name: str, of_lines: Sequence[Sequence[float]], symbol: str) -> Json:
    places = [place for place, values in enumerate(of_lines) for us in values if us > 0]
    values_us = [us for values in of_lines for us in values if us > 0]
    colors = [lines[place].color for place in places]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": shorten_values(us / 1000 for us in values_us),
        "y": places,
        "text": [arm_label(lines[place].name) for place in places],
        "hovertemplate": f"%{{text}}: {name} %{{x:.4~g}} ms<extra></extra>",
        "marker": {"symbol": symbol, "size": 10, "color": colors, "line": {"width": 2, "color": colors}},
    }


def _mean_marks(lines: Sequence[RunLine]) -> list[Json]:
    """Return vertical lines at the means of the arms here."""
    here = [line for line in lines if line.name.startswith(f"{HERE}: ")]
    return [vertical_line(line.means_us[0] / 1000, "dot") for line in here if line.means_us]


def _run_text(line: RunLine) -> str:
    means = ", ".join(f"{us / 1000:.3g}" for us in line.means_us) or "no mean"
    return f"{line.name} {means} ms"


def load_figure(summary: Summary) -> PlotlyFigure | None:
    """Return the figure if an arm has two or more rates. A line connects arms that differ only in their rate."""
    lines = _load_lines(summary)
    if not any(len(points) >= MIN_LOAD_POINTS for points in lines.values()):
        return None
    looks = arm_styles(summary)
    data = [trace for name, points in lines.items() for trace in _load_curves(name, looks[points[0].arm], points)]
    points = [point for line in lines.values() for point in line]
    yaxis = log_axis("ms per request", min(p.p50_us for p in points) / 1000, max(p.p99_us for p in points) / 1000)
    xaxis = axis("requests per second", rangemode="tozero")
    alt = f"p50 and p99 against the rate of requests, for {join_with_and(list(lines))}."
    return PlotlyFigure("load", alt, data, curves_layout(LOAD_HEIGHT, list(lines), xaxis=xaxis, yaxis=yaxis))


def _load_lines(summary: Summary) -> dict[str, list[LoadPoint]]:
    """Return the points of each line, ordered by rate, under the name of its first arm."""
    lines: dict[str, list[LoadPoint]] = {}
    keys: dict[str, str] = {}
    for point in sorted(summary.load_points, key=lambda point: point.rate_per_s):
        arm = summary.arms[point.arm]
        key = repr((arm.control_of, {key: value for key, value in arm.settings.items() if key != "rate"}))
        lines.setdefault(keys.setdefault(key, point.arm), []).append(point)
    return lines


def _load_curves(name: str, look: ArmStyle, points: Sequence[LoadPoint]) -> Iterator[Json]:
    """Yield p99 and, fainter, p50; steps of a capacity search are points without a line."""
    mode = "markers" if points[0].session is not None else "lines+markers"
    rates = [point.rate_per_s for point in points]
    for percentile, values_us, own in (
        ("p99", [point.p99_us for point in points], {}),
        ("p50", [point.p50_us for point in points], {"opacity": 0.5, "showlegend": False}),
    ):
        hover = f"{percentile} %{{y:.3~g}} ms at %{{x:.4~g}} requests/s"
        ys = shorten_values(us / 1000 for us in values_us)
        yield curve(name, look, shorten_values(rates), ys, mode=mode, hovertemplate=hover, **own)


def distribution_figure(summary: Summary, distributions: Sequence[Distribution]) -> PlotlyFigure | None:
    """Return the empirical distributions (CDF) up to p99 of the slowest arm; None without any."""
    if not distributions:
        return None
    shares = [[100 * share for share in distribution.share] for distribution in distributions]
    xaxis = _latency_axis(distributions, max(_nearly_all_us(distribution) for distribution in distributions))
    yaxis = axis("% of requests that are at most this slow", range=[-2, 102])
    return _distribution_curves("most", summary, distributions, shares, {"xaxis": xaxis, "yaxis": yaxis})


def tail_figure(summary: Summary, distributions: Sequence[Distribution]) -> PlotlyFigure | None:
    """Return the share of slower requests on logarithmic axes, up to the slowest request."""
    if not distributions:
        return None
    shares = [
        [100 * (1 + 1 / distribution.requests - share) for share in distribution.share]
        for distribution in distributions
    ]
    xaxis = _latency_axis(distributions, max(distribution.latency_us[-1] for distribution in distributions))
    yaxis = log_axis("% of requests that are slower", min(min(share) for share in shares), 100)
    return _distribution_curves("longest", summary, distributions, shares, {"xaxis": xaxis, "yaxis": yaxis})


def _distribution_curves(
    name: str, summary: Summary, distributions: Sequence[Distribution], shares: Sequence[Sequence[float]], axes: Json
) -> PlotlyFigure:
    drawn_as = arm_styles(summary)
    data = [
        curve(
            distribution.arm,
            drawn_as[distribution.arm],
            shorten_values(time_us / 1000 for time_us in distribution.latency_us),
            shorten_values(share),
        )
        | {"mode": "lines", "hovertemplate": "%{y:.3~g} %, %{x:.4~g} ms"}
        for distribution, share in zip(distributions, shares, strict=True)
    ]
    arms = [distribution.arm for distribution in distributions]
    what = axes["yaxis"]["title"]["text"]
    alt = f"Requests, in {what}, by latency: a curve for each of {join_with_and(arms)}."
    return PlotlyFigure(name, alt, data, curves_layout(DISTRIBUTION_HEIGHT, arms, **axes))


def _latency_axis(distributions: Sequence[Distribution], high_us: float) -> Json:
    low_us = min(distribution.latency_us[0] for distribution in distributions)
    return log_axis("ms per request", low_us / 1000, high_us / 1000)


def _nearly_all_us(distribution: Distribution) -> float:
    return next(
        time_us
        for time_us, share in zip(distribution.latency_us, distribution.share, strict=True)
        if share >= NEARLY_ALL
    )
