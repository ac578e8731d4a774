"""The figure of latency by load: p50 and p99 of each arm at each rate."""

from collections.abc import Iterator, Sequence

from harness.model import LoadPoint, Summary
from harness.report.html.figures.style import (
    Appearance,
    Figure,
    Json,
    appearances,
    axis,
    curve,
    curves_layout,
    log_axis,
    short,
)
from harness.report.wording import listed

LOAD_HEIGHT = 330  # pixels
MIN_LOAD_POINTS = 2


def latency_by_load(summary: Summary) -> Figure | None:
    """Return the figure if an arm has two or more rates. A line connects arms that differ only in their rate."""
    lines = _load_lines(summary)
    if not any(len(points) >= MIN_LOAD_POINTS for points in lines.values()):
        return None
    looks = appearances(summary)
    data = [trace for name, points in lines.items() for trace in _load_curves(name, looks[points[0].arm], points)]
    points = [point for line in lines.values() for point in line]
    yaxis = log_axis("ms per request", min(p.p50_us for p in points) / 1000, max(p.p99_us for p in points) / 1000)
    xaxis = axis("requests per second", rangemode="tozero")
    alt = f"p50 and p99 against the rate of requests, for {listed(list(lines))}."
    return Figure("load", alt, data, curves_layout(LOAD_HEIGHT, list(lines), xaxis=xaxis, yaxis=yaxis))


def _load_lines(summary: Summary) -> dict[str, list[LoadPoint]]:
    """Return the points of each line, ordered by rate, under the name of its first arm."""
    lines: dict[str, list[LoadPoint]] = {}
    keys: dict[str, str] = {}
    for point in sorted(summary.load_points, key=lambda point: point.rate_per_s):
        arm = summary.arms[point.arm]
        key = repr((arm.control_of, {key: value for key, value in arm.settings.items() if key != "rate"}))
        lines.setdefault(keys.setdefault(key, point.arm), []).append(point)
    return lines


def _load_curves(name: str, look: Appearance, points: Sequence[LoadPoint]) -> Iterator[Json]:
    """Yield p99 and, fainter, p50; steps of a capacity search are points without a line."""
    mode = "markers" if points[0].session is not None else "lines+markers"
    rates = [point.rate_per_s for point in points]
    for percentile, values_us, own in (
        ("p99", [point.p99_us for point in points], {}),
        ("p50", [point.p50_us for point in points], {"opacity": 0.5, "showlegend": False}),
    ):
        hover = f"{percentile} %{{y:.3~g}} ms at %{{x:.4~g}} requests/s"
        ys = short(us / 1000 for us in values_us)
        yield curve(name, look, short(rates), ys, mode=mode, hovertemplate=hover, **own)
