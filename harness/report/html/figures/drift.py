"""Draws how times went up and down while the run lasted, and how little of that is left in a difference."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

import numpy as np

from harness.analysis.exhibits import SessionEffects, Stretch, Values
from harness.model import HEADLINE, Summary
from harness.report.html.figures.style import (
    MUTED,
    Appearance,
    Figure,
    Json,
    appearances,
    axis,
    curve,
    curves_layout,
    log_ticks,
    mark,
    note,
    short,
)
from harness.report.html.typeset import typeset
from harness.report.wording import listed, rounded, signed

HEIGHT = 520  # pixels
UPPER, LOWER = (0.54, 1.0), (0.0, 0.46)  # of the height
MOST_NUMBERS = 10  # of sessions that are told
USUAL = (1, 99)  # percentiles that the scale has room for: one stolen moment would flatten all else

Line = list[float | None]
Range = tuple[float, float]


def drift(summary: Summary, stretches: Sequence[Stretch]) -> Figure | None:
    """Above each arm's time over the run, below its ratio to its reference, to the same scale."""
    times_ms = {arm: _joined(_times_ms(each, arm) for each in stretches) for arm in summary.arms}
    ratios = {pair: _joined(_ratios(each, pair) for each in stretches) for pair in _pairs(summary)}
    ranges = _ranges(times_ms.values(), ratios.values())
    if ranges is None:
        return None
    time_s, drawn_as = _joined(each.time_s for each in stretches), appearances(summary)
    above = [_above(arm, drawn_as[arm], time_s, line) for arm, line in times_ms.items()]
    below = [_below(pair, drawn_as[pair[0]], time_s, line) for pair, line in ratios.items()]
    alt = f"Time per request of {listed(list(times_ms))} over the run, and beneath it the differences, to one scale."
    return Figure("drift", alt, [*above, *below], _layout(list(times_ms), stretches, *ranges))


def steadiness(effects: Sequence[SessionEffects]) -> str:
    """How far references move from session to session, and how far differences do; empty for one session."""
    known = [each for each in effects if each.metric in HEADLINE and each.level_sd_percent and each.sd_percent]
    if not known:
        return ""
    references = list(dict.fromkeys(each.against for each in known))
    who = f"{references[0]} varied by" if len(references) == 1 else "references varied by up to"
    level = max(each.level_sd_percent or 0 for each in known)
    difference = max(each.sd_percent or 0 for each in known)
    return (
        f"From session to session {who} {rounded(level, 2)} %, "
        f"and no difference by more than {rounded(difference, 2)} % (standard deviations)."
    )


def _times_ms(stretch: Stretch, arm: str) -> Values:
    times_us = stretch.latency_us.get(arm) or (None,) * len(stretch.time_s)
    return tuple(None if time is None else time / 1000 for time in times_us)


def _ratios(stretch: Stretch, pair: tuple[str, str]) -> Values:
    percents = stretch.difference_percent.get(pair) or (None,) * len(stretch.time_s)
    return tuple(None if percent is None else 1 + percent / 100 for percent in percents)


def _joined(parts: Iterable[Values]) -> Line:
    """One line, broken where a session ends."""
    return short(value for part in parts for value in (*part, None))


def _pairs(summary: Summary) -> list[tuple[str, str]]:
    return [(c.arm, c.against) for c in summary.comparisons if c.metric in HEADLINE]


def _above(arm: str, look: Appearance, time_s: Line, times_ms: Line) -> Json:
    return curve(arm, look, time_s, times_ms, hovertemplate="%{y:.4~g} ms")


def _below(pair: tuple[str, str], look: Appearance, time_s: Line, ratios: Line) -> Json:
    percents = short(None if ratio is None else 100 * (ratio - 1) for ratio in ratios)
    told = {"customdata": percents, "hovertemplate": "%{customdata:+.1f} %", "showlegend": False}
    return curve(pair[0], look, time_s, ratios, yaxis="y2", **told)


def _ranges(*panels: Iterable[Line]) -> list[Range] | None:
    """For each panel the ends of a logarithmic axis, all equally far apart; None when one has nothing to show."""
    known = [np.log10([value for line in lines for value in line if value]) for lines in panels]
    if any(values.size == 0 for values in known):
        return None
    ends = [np.percentile(values, USUAL) for values in known]
    span = 1.15 * max(max(high - low for low, high in ends), 0.01)
    return [(float(low + high - span) / 2, float(low + high + span) / 2) for low, high in ends]


def _layout(arms: Sequence[str], stretches: Sequence[Stretch], times: Range, ratios: Range) -> Json:
    bounds = [mark(each.end_s, "dot") for each in stretches[:-1]]
    xaxis = axis("seconds of measuring", range=[0, stretches[-1].end_s], showgrid=False, anchor="y2")
    yaxis = axis("ms per request", type="log", range=list(times), domain=UPPER, **log_ticks(times))
    yaxis2 = axis("difference", type="log", range=list(ratios), domain=LOWER, **_percent_ticks(ratios))
    zero = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": 1, "y1": 1}
    return curves_layout(
        HEIGHT,
        arms,
        xaxis=xaxis,
        yaxis=yaxis,
        yaxis2=yaxis2,
        shapes=[*bounds, {**zero, "line": {"color": MUTED, "width": 1}, "layer": "below"}],
        annotations=list(_numbers(stretches)),
    )


def _percent_ticks(ratios: Range) -> Json:
    """As on any logarithmic axis, but told in percent."""
    ticks = log_ticks(ratios)["tickvals"]
    return {"tickvals": ticks, "ticktext": [typeset(f"{signed(100 * (tick - 1), 0)} %") for tick in ticks]}


def _numbers(stretches: Sequence[Stretch]) -> Iterator[Json]:
    """The sessions' numbers, between the two panels."""
    between = {"y": sum((LOWER[1], UPPER[0])) / 2, "yref": "paper", "yanchor": "middle"}
    yield note("session", x=0, xref="paper", xanchor="right", **between)
    for each in stretches[:: ceil(len(stretches) / MOST_NUMBERS)]:
        yield note(str(each.session), x=(each.start_s + each.end_s) / 2, **between)
