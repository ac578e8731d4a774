"""Figures of distributions: single requests, load, imported runs, effects of a screen."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist, median

import numpy as np

from harness.analysis.plot_data import Distribution
from harness.model import LoadPoint, MainEffect, Summary
from harness.report.document import Axis, Figure, Guide, Label, Line, Mark, Points, Style
from harness.report.figures.style import BOUNDARY, arm_styles, axis_from_zero, log_axis, short_name
from harness.report.format import format_percent, join_with_and, percent_interval
from harness.report.select import P99, effect_name, group_by_architecture, known_values, main_effects

HEIGHT, RUN_HEIGHT = 260, 28  # pixels: of a figure, and of a row of runs
MIN_LOAD_POINTS, MIN_EFFECTS = 2, 3
NEARLY_ALL = 0.99
EFFECT_SYMBOLS = {"faster": "triangle-down", "slower": "triangle-up"}
RUN_SYMBOLS = {"mean": "circle", "p99": "bar"}
LABEL_GAP = 0.03  # of an axis, between a point and its name
MS_PER_REQUEST = "ms per request"
LOAD_CAPTION = "Upper points: p99; fainter points: p50; both timed from the intended send time."
SCREEN_CAPTION = (
    "Each point is a setting, the largest effects on the right. Settings without effect lie along the line through the "
    "smaller ones; points above the line have an effect."
)
RUNS_CAPTION = "Each point is a run. Dotted lines are the means of the arms here."


def distribution_figures(summary: Summary, distributions: Sequence[Distribution]) -> list[Figure]:
    """Return the distribution of requests up to p99 of the slowest arm, and its tail on logarithmic axes."""
    if not distributions:
        return []
    styles = arm_styles(summary)
    most = [_curve(of_arm, 0, 1, styles[of_arm.arm]) for of_arm in distributions]
    rest = [_curve(of_arm, 1 + 1 / of_arm.requests, -1, styles[of_arm.arm]) for of_arm in distributions]
    fastest_ms, slowest_ms = min(line.xs[0] for line in most), max(line.xs[-1] for line in most)
    nearly_all_us = max(of_arm.latency_us[np.searchsorted(of_arm.share, NEARLY_ALL)] for of_arm in distributions)
    x = log_axis([fastest_ms, nearly_all_us / 1000], MS_PER_REQUEST)
    x_rest = log_axis([fastest_ms, slowest_ms], MS_PER_REQUEST)
    y = Axis(-2, 102, "% of requests that are at most this slow")
    y_rest = log_axis([100, *(100 / of_arm.requests for of_arm in distributions)], "% of requests that are slower")
    curves = f"by latency: a curve for each of {join_with_and([of_arm.arm for of_arm in distributions])}."
    return [
        Figure("most", f"Requests, in {y.title}, {curves}", HEIGHT, x, y, most, "Distribution (CDF)"),
        Figure("longest", f"Requests, in {y_rest.title}, {curves}", HEIGHT, x_rest, y_rest, rest, "Tail (log scale)"),
    ]


def _curve(of_arm: Distribution, start: float, sign: int, style: Style) -> Line:
    """Return start + sign * the share of requests, in percent, by milliseconds."""
    times_ms, percents = np.array(of_arm.latency_us) / 1000, 100 * (start + sign * np.array(of_arm.share))
    return Line(times_ms.tolist(), percents.tolist(), style, short_name(of_arm.arm), is_stepped=True)


def load_figure(summary: Summary) -> Figure | None:
    """Return p50 and p99 by rate if an arm has two or more rates. A line connects arms that differ only in it."""
    lines = _load_lines(summary)
    if not any(len(points) >= MIN_LOAD_POINTS for points in lines.values()):
        return None
    styles = arm_styles(summary)
    marks: list[Mark] = []
    for points in lines.values():
        p99s_us, p50s_us = [point.p99_us for point in points], [point.p50_us for point in points]
        label = short_name(_common_name([point.arm for point in points]))
        marks += _load_marks("p99", p99s_us, points, styles[points[0].arm], label)
        marks += _load_marks("p50", p50s_us, points, replace(styles[points[0].arm], is_faint=True), "")
    measured = [mark for mark in marks if isinstance(mark, Points)]
    x = axis_from_zero([rate for mark in measured for rate in mark.xs], "requests per second")
    y = log_axis([ms for mark in measured for ms in mark.ys], MS_PER_REQUEST)
    alt = f"p50 and p99 against the rate of requests, for {join_with_and(list(lines))}."
    return Figure("load", alt, HEIGHT, x, y, marks, caption=LOAD_CAPTION)


def _load_lines(summary: Summary) -> dict[str, list[LoadPoint]]:
    """Return the points of each line, ordered by rate, under the name of its first arm."""
    lines: dict[str, list[LoadPoint]] = {}
    names: dict[str, str] = {}
    for point in sorted(summary.load_points, key=lambda point: point.rate_per_s):
        arm = summary.arms[point.arm]
        key = repr((arm.control_of, {key: value for key, value in arm.settings.items() if key != "rate"}))
        lines.setdefault(names.setdefault(key, point.arm), []).append(point)
    return lines


def _common_name(arms: Sequence[str]) -> str:
    """Return the parts that the names of all arms have: `tcp` of `tcp/20%` and `tcp/40%`."""
    parts = [name.split("/") for name in arms]
    common = [part for part in parts[0] if all(part in others for others in parts)]
    return "/".join(common) or arms[0]


def _load_marks(
    percentile: str, times_us: Sequence[float], points: Sequence[LoadPoint], style: Style, label: str
) -> Iterator[Mark]:
    """Yield the points and, unless they are steps of a capacity search, the line through them."""
    rates, times_ms = [point.rate_per_s for point in points], [us / 1000 for us in times_us]
    numbers = zip(times_ms, rates, strict=True)
    if points[0].session is None:
        yield Line(rates, times_ms, replace(style, symbol=""))
    texts = [f"{percentile} {ms:.3g} ms at {rate:.4g} requests/s" for ms, rate in numbers]
    yield Points(rates, times_ms, style, label, texts=texts)


def imported_figure(summary: Summary) -> Figure | None:
    """Return mean and p99 of each arm here and of each imported run; None if no imported run has either."""
    styles = arm_styles(summary)
    rows = [
        (f"here: {name}", styles[name].color, known_values([arm.mean_us]), known_values([arm.p99_us]))
        for name, arm in summary.arms.items()
    ]
    for name, runs in group_by_architecture(summary.foreign).items():
        p99s_us = known_values(run.percentiles_us.get(P99) for run in runs)
        rows.append((name, "ink", known_values(run.mean_us for run in runs), p99s_us))
    marks: list[Mark] = [Points((), (), Style(symbol=symbol), name) for name, symbol in RUN_SYMBOLS.items()]
    times_ms, texts = [], []
    for place, (name, color, means_us, p99s_us) in enumerate(rows):
        if place < len(summary.arms) and means_us:
            marks.append(Guide(means_us[0] / 1000, style=BOUNDARY))
        for quantity, values_us in (("mean", means_us), ("p99", p99s_us)):
            values_ms = [us / 1000 for us in values_us if us > 0]
            times_ms += values_ms
            marks.append(_run_points(place, f"{name}: {quantity}", values_ms, Style(color, RUN_SYMBOLS[quantity])))
        texts.append(f"{name} {', '.join(f'{us / 1000:.3g}' for us in means_us) or 'no mean'} ms")
    if not summary.foreign or not times_ms:
        return None
    x = log_axis(times_ms, MS_PER_REQUEST)
    y = Axis(len(rows) - 0.5, -0.5, labels=[(place, short_name(row[0])) for place, row in enumerate(rows)])
    alt = f"Mean and p99 of every run: {join_with_and(texts)}."
    return Figure("elsewhere", alt, RUN_HEIGHT * len(rows), x, y, marks, "Here and imported", RUNS_CAPTION)


def _run_points(place: int, name: str, values_ms: Sequence[float], style: Style) -> Points:
    texts = [f"{name} {ms:.4g} ms" for ms in values_ms]
    return Points(values_ms, [place] * len(values_ms), style, texts=texts, size_px=5)


def half_normal_figure(summary: Summary) -> Figure | None:
    """Return absolute effects over half-normal quantiles (Daniel 1959); None for fewer than three effects."""
    main, _ = main_effects(summary)
    effects = sorted((effect for effect in main if percent_interval(effect)), key=_size)
    if len(effects) < MIN_EFFECTS:
        return None
    quantiles = [NormalDist().inv_cdf(0.5 + (place + 0.5) / len(effects) / 2) for place in range(len(effects))]
    slope = median(map(_size, effects)) / NormalDist().inv_cdf(0.75)
    x = axis_from_zero(quantiles, "expected by chance, in standard deviations")
    y = axis_from_zero(map(_size, effects), "absolute effect", " %")
    marks: list[Mark] = [Line([0, x.high], [0, slope * x.high], Style("muted", "", "dash"))]
    texts = []
    for quantile, effect in zip(quantiles, effects, strict=True):
        interval, name = percent_interval(effect), effect_name(effect)
        texts.append(f"{name} {format_percent(interval) if interval else ''}")
        symbol = EFFECT_SYMBOLS.get(effect.verdict or "", "circle-open")
        marks.append(Points([quantile], [_size(effect)], Style(symbol=symbol), texts=[texts[-1]]))
        if effect.verdict in EFFECT_SYMBOLS:
            marks.append(Label(quantile - LABEL_GAP * x.high, _size(effect), short_name(name), anchor="end"))
    alt = f"Effects from the smallest to the largest: {join_with_and(texts)}."
    return Figure("half-normal", alt, HEIGHT, x, y, marks, caption=SCREEN_CAPTION)


def _size(effect: MainEffect) -> float:
    return abs(effect.percent or 0.0)
