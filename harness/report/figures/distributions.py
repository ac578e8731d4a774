"""Figures of distributions: single requests, load, imported runs, effects of a screen."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist, median

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
LABEL_GAP = 0.03  # of an axis, between a point and its name


def distribution_figures(summary: Summary, distributions: Sequence[Distribution]) -> list[Figure]:
    """Return the distribution of requests up to p99 of the slowest arm, and its tail on logarithmic axes."""
    if not distributions:
        return []
    fastest_ms = min(distribution.latency_us[0] for distribution in distributions) / 1000
    nearly_all_ms = max(_nearly_all_us(distribution) for distribution in distributions) / 1000
    slowest_ms = max(distribution.latency_us[-1] for distribution in distributions) / 1000
    most = [[100 * share for share in distribution.share] for distribution in distributions]
    rest = [
        [100 * (1 + 1 / distribution.requests - share) for share in distribution.share]
        for distribution in distributions
    ]
    y = Axis(-2, 102, "% of requests that are at most this slow")
    y_rest = log_axis([100, *(share for shares in rest for share in shares)], "% of requests that are slower")
    arms = join_with_and([distribution.arm for distribution in distributions])
    return [
        Figure(
            name,
            f"Requests, in {axis.title}, by latency: a curve for each of {arms}.",
            HEIGHT,
            log_axis([fastest_ms, end_ms], "ms per request"),
            axis,
            list(_distribution_lines(summary, distributions, shares)),
            title,
        )
        for name, title, end_ms, axis, shares in (
            ("most", "Distribution (CDF)", nearly_all_ms, y, most),
            ("longest", "Tail (log scale)", slowest_ms, y_rest, rest),
        )
    ]


def _distribution_lines(
    summary: Summary, distributions: Sequence[Distribution], shares: Sequence[Sequence[float]]
) -> Iterator[Line]:
    styles = arm_styles(summary)
    for distribution, of_arm in zip(distributions, shares, strict=True):
        yield Line(
            [us / 1000 for us in distribution.latency_us],
            of_arm,
            styles[distribution.arm],
            short_name(distribution.arm),
            is_stepped=True,
        )


def _nearly_all_us(distribution: Distribution) -> float:
    return next(
        us for us, share in zip(distribution.latency_us, distribution.share, strict=True) if share >= NEARLY_ALL
    )


# Load


def load_figure(summary: Summary) -> Figure | None:
    """Return p50 and p99 by rate if an arm has two or more rates. A line connects arms that differ only in it."""
    lines = _load_lines(summary)
    if not any(len(points) >= MIN_LOAD_POINTS for points in lines.values()):
        return None
    points = [point for line in lines.values() for point in line]
    times_ms = [us / 1000 for point in points for us in (point.p50_us, point.p99_us)]
    return Figure(
        "load",
        f"p50 and p99 against the rate of requests, for {join_with_and(list(lines))}.",
        HEIGHT,
        axis_from_zero([point.rate_per_s for point in points], "requests per second"),
        log_axis(times_ms, "ms per request"),
        list(_load_marks(summary, lines)),
        caption="Upper points: p99; fainter points: p50; both timed from the intended send time.",
    )


def _load_lines(summary: Summary) -> dict[str, list[LoadPoint]]:
    """Return the points of each line, ordered by rate, under the name of its first arm."""
    lines: dict[str, list[LoadPoint]] = {}
    names: dict[str, str] = {}
    for point in sorted(summary.load_points, key=lambda point: point.rate_per_s):
        arm = summary.arms[point.arm]
        key = repr((arm.control_of, {key: value for key, value in arm.settings.items() if key != "rate"}))
        lines.setdefault(names.setdefault(key, point.arm), []).append(point)
    return lines


def _load_marks(summary: Summary, lines: dict[str, list[LoadPoint]]) -> Iterator[Mark]:
    """Yield points and, unless they are steps of a capacity search, the line through them."""
    styles = arm_styles(summary)
    for name, points in lines.items():
        rates = [point.rate_per_s for point in points]
        for percentile, times_us in (("p99", [p.p99_us for p in points]), ("p50", [p.p50_us for p in points])):
            style = replace(styles[points[0].arm], is_faint=percentile == "p50")
            times_ms = [us / 1000 for us in times_us]
            texts = [
                f"{percentile} {ms:.3g} ms at {rate:.4g} requests/s" for ms, rate in zip(times_ms, rates, strict=True)
            ]
            if points[0].session is None:
                yield Line(rates, times_ms, replace(style, symbol=""))
            yield Points(rates, times_ms, style, "" if style.is_faint else short_name(name), texts=texts)


# Imported runs


def imported_figure(summary: Summary) -> Figure | None:
    """Return mean and p99 of each arm here and of each imported run; None if no imported run has either."""
    styles = arm_styles(summary)
    rows = [
        (f"here: {name}", styles[name].color, known_values([arm.mean_us]), known_values([arm.p99_us]))
        for name, arm in summary.arms.items()
    ]
    here = len(rows)
    for name, runs in group_by_architecture(summary.foreign).items():
        p99s_us = known_values(run.percentiles_us.get(P99) for run in runs)
        rows.append((name, "ink", known_values(run.mean_us for run in runs), p99s_us))
    times_us = [us for _, _, means_us, p99s_us in rows for us in (*means_us, *p99s_us) if us > 0]
    if not summary.foreign or not times_us:
        return None
    marks: list[Mark] = [Guide(means_us[0] / 1000, style=BOUNDARY) for _, _, means_us, _ in rows[:here] if means_us]
    for quantity, symbol in (("mean", "circle"), ("p99", "bar")):
        marks.append(Points((), (), Style(symbol=symbol), quantity))
    for place, (name, color, means_us, p99s_us) in enumerate(rows):
        for quantity, symbol, values_us in (("mean", "circle", means_us), ("p99", "bar", p99s_us)):
            values_ms = [us / 1000 for us in values_us if us > 0]
            texts = [f"{name}: {quantity} {ms:.4g} ms" for ms in values_ms]
            marks.append(Points(values_ms, [place] * len(values_ms), Style(color, symbol), texts=texts, size_px=5))
    texts_of_rows = [
        f"{name} {', '.join(f'{us / 1000:.3g}' for us in means) or 'no mean'} ms" for name, _, means, _ in rows
    ]
    return Figure(
        "elsewhere",
        f"Mean and p99 of every run: {join_with_and(texts_of_rows)}.",
        RUN_HEIGHT * len(rows),
        log_axis([us / 1000 for us in times_us], "ms per request"),
        Axis(len(rows) - 0.5, -0.5, labels=[(place, short_name(row[0])) for place, row in enumerate(rows)]),
        marks,
        "Here and imported",
        "Each point is a run. Dotted lines are the means of the arms here.",
    )


# Screens


def half_normal_figure(summary: Summary) -> Figure | None:
    """Return absolute effects over half-normal quantiles (Daniel 1959); None for fewer than three effects."""
    main, _ = main_effects(summary)
    effects = sorted((effect for effect in main if percent_interval(effect)), key=_size)
    if len(effects) < MIN_EFFECTS:
        return None
    quantiles = [NormalDist().inv_cdf(0.5 + (place + 0.5) / len(effects) / 2) for place in range(len(effects))]
    slope = median(map(_size, effects)) / NormalDist().inv_cdf(0.75)
    x = axis_from_zero(quantiles, "expected by chance, in standard deviations")
    marks: list[Mark] = [Line([0, x.high], [0, slope * x.high], Style("muted", "", "dash"))]
    for quantile, effect in zip(quantiles, effects, strict=True):
        symbol = EFFECT_SYMBOLS.get(effect.verdict or "", "circle-open")
        marks.append(Points([quantile], [_size(effect)], Style(symbol=symbol), texts=[_effect_text(effect)]))
        if effect.verdict in EFFECT_SYMBOLS:
            name = short_name(effect_name(effect))
            marks.append(Label(quantile - LABEL_GAP * x.high, _size(effect), name, anchor="end"))
    return Figure(
        "half-normal",
        f"Effects from the smallest to the largest: {join_with_and([_effect_text(effect) for effect in effects])}.",
        HEIGHT,
        x,
        axis_from_zero(map(_size, effects), "absolute effect", " %"),
        marks,
        caption="Each point is a setting, the largest effects on the right. Settings without effect lie along the line "
        "through the smaller ones; points above the line have an effect.",
    )


def _size(effect: MainEffect) -> float:
    return abs(effect.percent or 0.0)


def _effect_text(effect: MainEffect) -> str:
    interval = percent_interval(effect)
    return f"{effect_name(effect)} {format_percent(interval) if interval else ''}".rstrip()
