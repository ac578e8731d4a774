"""Figures of trends: a contrast over the runs of an experiment, with its levels and where they change."""

from collections.abc import Sequence
from math import ceil

from harness.analysis.between_runs.history import History, RunContrast, Trend
from harness.report.document import Axis, Facets, Figure, Guide, Line, Mark, Points, Style
from harness.report.figures.style import BOUNDARY, COLORS, NEUTRAL_COLOR, axis_around
from harness.report.format import amount_interval, join_with_and, percent_with_interval, pluralize, verdict_word

HEIGHT = 200  # pixels
MAX_DATES = 4
MOST_HALF_WIDTHS = 3.0  # typical ones that are drawn: a wider interval is cut at the axis
DATE_LETTERS = 10


def trend_figure(history: History, trend: Trend, name: str, links: Sequence[str], facets: Facets) -> Figure:
    """Return the trend: a point with its interval for each run, a line for each level, a boundary at each change."""
    contrasts = [contrast_of(history, trend, place) for place in trend.runs]
    dates = [history.runs[place].started_utc[:DATE_LETTERS] for place in trend.runs]
    percents = [contrast.percent for contrast in contrasts]
    lows, values, highs = (
        [_end(p.low, p.value) for p in percents],
        [p.value for p in percents],
        [_end(p.high, p.value) for p in percents],
    )
    places = list(range(len(values)))
    texts = [_point_text(date, contrast) for date, contrast in zip(dates, contrasts, strict=True)]
    style = Style(NEUTRAL_COLOR if trend.is_control else COLORS[0])
    marks: list[Mark] = [Guide(y=0)]
    marks += [Guide(level.first - 0.5, style=BOUNDARY) for level in trend.levels[1:]]
    marks.append(Points(places, values, style, lows=lows, highs=highs, interval_axis="y", texts=texts, links=links))
    marks += [
        Line([level.first - 0.4, level.last + 0.4], [level.percent.value] * 2, Style(symbol=""))
        for level in trend.levels
    ]
    return Figure(
        name,
        f"{trend.label} over {pluralize(len(values), 'run')}: {join_with_and(level_texts(trend))}.",
        HEIGHT,
        Axis(-0.6, places[-1] + 0.6, "runs in the order of their time", labels=_date_labels(dates), has_grid=False),
        axis_around(_drawn_ends(lows, values, highs), "difference", " %"),
        marks,
        trend.label,
        facets=facets,
    )


def contrast_of(history: History, trend: Trend, place: int) -> RunContrast:
    """Return the contrast of the trend in the run at `place`."""
    return next(contrast for contrast in history.runs[place].contrasts if contrast.label == trend.label)


def level_texts(trend: Trend) -> list[str]:
    """Return each level with its interval: `-9.1 % (-9.4 to -8.8)`."""
    reported = [amount_interval(level.percent) for level in trend.levels]
    return [percent_with_interval(interval, named=False) for interval in reported if interval]


def _end(end: float | None, value: float) -> float:
    return value if end is None else end


def _drawn_ends(lows: Sequence[float], values: Sequence[float], highs: Sequence[float]) -> list[float]:
    """Return what the axis covers: zero, all values, and their intervals unless they are far wider than usual."""
    half_widths = sorted((high - low) / 2 for low, high in zip(lows, highs, strict=True))
    most = MOST_HALF_WIDTHS * half_widths[len(half_widths) // 2]
    below = [max(low, value - most) for low, value in zip(lows, values, strict=True)]
    above = [min(high, value + most) for high, value in zip(highs, values, strict=True)]
    return [0.0, *below, *above]


def _date_labels(dates: Sequence[str]) -> list[tuple[float, str]]:
    """Return the dates of some runs, each once."""
    step = ceil(len(dates) / MAX_DATES)
    return [
        (place, dates[place])
        for place in range(0, len(dates), step)
        if place == 0 or dates[place] != dates[place - step]
    ]


def _point_text(date: str, contrast: RunContrast) -> str:
    interval = amount_interval(contrast.percent)
    size = percent_with_interval(interval, named=False) if interval else ""
    return f"{date}: {size}, {verdict_word(contrast.verdict or 'no verdict', contrast.metric)}"
