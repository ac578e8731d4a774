"""The forest plot over hosts: the effect on each, over all of them, and what to expect on a new host."""

from collections.abc import Sequence
from itertools import chain

from harness.analysis.between_runs.pool import PooledEffect
from harness.analysis.contrasts.rates import shown_percent
from harness.model import METRICS, Design, Interval
from harness.report.document import Band, Figure, Guide, Mark, Points, Style
from harness.report.figures.intervals import LESS_AND_MORE
from harness.report.figures.style import COLORS, axis_around, row_axis, row_heading, short_name
from harness.report.format import (
    ReportedInterval,
    amount_interval,
    capitalize_first,
    format_percent,
    join_with_and,
    percent_range_text,
    percent_with_interval,
)

ROW_HEIGHT = 36  # pixels
HOST_STYLE, APART_STYLE = Style(COLORS[0]), Style(COLORS[1], "square")
POOLED_STYLE, PREDICTION_STYLE = Style(symbol="diamond"), Style("muted", "bar")
LINE_CAPTION = "A line is the 95 % interval of a host, or of the mean over hosts (diamond)."
PREDICTION_CAPTION = "The grey line is where a new host is expected."
APART_CAPTION = "A square stands apart from the other hosts."
BAND_CAPTION = "The band is the margin of equivalence, ±{:g} %."


def hosts_figure(effect: PooledEffect, design: Design) -> Figure | None:
    """Return a row for each host, for all of them and for a new one; None without intervals in percent."""
    rows = [
        (host.host, interval, APART_STYLE if host.others else HOST_STYLE)
        for host in effect.by_host
        if (interval := _interval(effect, host.percent))
    ]
    if not rows:
        return None
    if over_hosts := _interval(effect, effect.percent):
        rows.append((f"{effect.hosts} hosts", over_hosts, POOLED_STYLE))
    if prediction := _interval(effect, effect.prediction_percent):
        rows.append(("a new host", prediction, PREDICTION_STYLE))
    return _figure(effect, design, rows)


def _interval(effect: PooledEffect, interval: Interval | None) -> ReportedInterval | None:
    shown = shown_percent(interval, effect.metric)
    return amount_interval(shown) if shown else None


def _figure(effect: PooledEffect, design: Design, rows: list[tuple[str, ReportedInterval, Style]]) -> Figure:
    percent = design.equivalence_percent
    margin = Band(-percent / (1 + percent / 100), percent)
    ends = chain.from_iterable((interval.low, interval.high) for _, interval, _ in rows)
    label = METRICS[effect.metric].label
    x = axis_around([margin.low, margin.high, *ends], LESS_AND_MORE.format("less", label, "more"), " %")
    marks: list[Mark] = [margin, Guide(0)]
    for place, (name, interval, style) in enumerate(rows):
        text = percent_range_text(interval) if style is PREDICTION_STYLE else format_percent(interval)
        verdict = f" {effect.verdict or 'no verdict'}" if style is POOLED_STYLE else ""
        marks.append(row_heading(place, x, short_name(name), text + verdict))
        marks.append(
            Points(
                [interval.value], [place], style, lows=[interval.low], highs=[interval.high], texts=[text], size_px=5
            )
        )
    words = [f"{name} {percent_with_interval(interval, named=False)}" for name, interval, _ in rows]
    return Figure(
        f"hosts-{effect.metric}-{effect.label}".replace(" ", "-"),
        f"{effect.label}, {label}, host by host: {join_with_and(words)}.",
        ROW_HEIGHT * len(rows),
        x,
        row_axis(len(rows)),
        marks,
        title=f"{capitalize_first(label)}, {effect.label}",
        caption=_caption([style for *_, style in rows], percent),
    )


def _caption(styles: Sequence[Style], percent: float) -> str:
    """Return what explains the marks that the figure has."""
    explained = ((PREDICTION_STYLE, PREDICTION_CAPTION), (APART_STYLE, APART_CAPTION))
    drawn = [caption for style, caption in explained if style in styles]
    return " ".join([LINE_CAPTION, *drawn, BAND_CAPTION.format(percent)])
