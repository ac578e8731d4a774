"""Figures of intervals in rows: pairs, sessions, changes between runs, claims."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from harness.analysis.between_runs.changes import RunComparison
from harness.analysis.contrasts.rates import inverse_percent
from harness.analysis.plot_data import SessionEffects
from harness.model import METRICS, Comparison, Design, MainEffect, Summary
from harness.model.validation import Claim, Validation
from harness.report.document import Band, Figure, Guide, Mark, Points, Style
from harness.report.figures.style import (
    COLORS,
    NEUTRAL_COLOR,
    arm_styles,
    axis_around,
    reference_name,
    row_axis,
    row_heading,
    short_name,
)
from harness.report.format import (
    ReportedInterval,
    amount_interval,
    capitalize_first,
    format_percent,
    join_with_and,
    percent_interval,
    percent_with_interval,
    verdict_word,
)
from harness.report.select import (
    control_comparisons,
    group_by_root,
    has_several_references,
    headline_metric,
    main_comparisons,
    main_effects,
)

ROW_HEIGHT, SESSIONS_ROW_HEIGHT, CLAIM_ROW_HEIGHT = 44, 62, 58  # pixels
MAX_DRAWN_PERCENT = 100.0  # of an interval from its value: with two sessions it can be very wide
MAX_SPREAD_PERCENT = 60.0  # of the A/A spread that is drawn
DOT_SPREAD, CLAIM_OFFSET = 0.22, 0.13  # of a row, to either side of its middle
CLAIM_STYLE, HERE_STYLE = Style(COLORS[1], "diamond"), Style(COLORS[0])
LESS_AND_MORE = "\N{LEFTWARDS ARROW} {}\N{EM SPACE}{}\N{EM SPACE}{} \N{RIGHTWARDS ARROW}"
READING = (
    "{} of zero: {}. The line is the 95 % interval. An interval (90 %) inside the grey ±{:g} % band counts as "
    "equivalent."
)
SPREAD_CAPTION = (
    "For a claim without an interval, the grey line is the A/A spread: 95 % of pairs of single runs of the same arm "
    "differ by less than this."
)
HOLLOW_CAPTION, NO_TIME_CAPTION = "A hollow point does not add up.", "Without a point, the time is not known."
MAX_CLAIM_LENGTH, MIN_PLACE_LENGTH = 27, 6  # letters of the place and the architecture, and of the place


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect as a row of a figure; `where` ends its heading."""

    effect: Comparison | MainEffect
    interval: ReportedInterval
    style: Style
    where: str

    @property
    def alt(self) -> str:
        """Return the row in words."""
        pair = f"{self.effect.arm} against {self.effect.against}"
        return f"{pair} {percent_with_interval(self.interval, named=False)}, {self.verdict}"

    @property
    def verdict(self) -> str:
        """Return the verdict in words."""
        return verdict_word(self.effect.verdict or "no verdict", self.effect.metric)


def forest_figure(summary: Summary, design: Design, metric: str) -> Figure | None:
    """Return the comparisons, or the effects of a screen's settings, with their intervals; None without any."""
    effects, _ = main_effects(summary)
    rows = _setting_rows(effects) if effects else _comparison_rows(summary, metric)
    if not rows:
        return None
    label = METRICS[metric].label
    better_side = ("Right", "higher") if METRICS[metric].is_rate else ("Left", "faster")
    return replace(
        _effect_figure(rows, design, metric),
        name=f"forest-{metric}",
        alt=f"Difference in {label} with its interval: {join_with_and([row.alt for row in rows])}.",
        title=f"{capitalize_first(label)}, against {_references(summary, rows)}",
        caption=READING.format(*better_side, design.equivalence_percent),
    )


def _references(summary: Summary, rows: Sequence[EffectRow]) -> str:
    """Return what the rows are compared with."""
    if summary.main_effects:
        return "the first level of each setting"
    if summary.ladders:
        return "the rung below"
    names = list(group_by_root(row.effect for row in rows if isinstance(row.effect, Comparison)))
    return join_with_and([short_name(name) for name in names]) if len(names) < 3 else "each reference"


def changes_figure(comparison: RunComparison, metric: str = "") -> Figure | None:
    """Return the changes from run 1 in `metric` (default: the headline metric); None without intervals."""
    metric = metric or headline_metric(comparison.runs[0])
    styles, label = arm_styles(comparison.runs[0]), METRICS[metric].label
    rows, texts = [], []
    for change in comparison.changes:
        interval = percent_interval(change)
        if change.metric == metric and interval:
            run = f" in run {change.run}" if len(comparison.runs) > 2 else ""
            where = f"{run}, against {reference_name(change.arm, change.against)}"
            rows.append(EffectRow(change, interval, styles[change.arm], where))
            texts.append(f"{rows[-1].alt} in run {change.run}")
    if not rows:
        return None
    return replace(
        _effect_figure(rows, comparison.design, metric),
        name=f"changes-{metric}",
        alt=f"Change in {label} from run 1 with its interval: {join_with_and(texts)}.",
        title=f"{capitalize_first(label)}, change from run 1",
        caption=READING.format("Left", "faster than in run 1", comparison.design.equivalence_percent),
    )


def sessions_figure(summary: Summary, design: Design, metric: str, effects: Sequence[SessionEffects]) -> Figure | None:
    """Return a point for each session, the first on top, with the effect over sessions; None without intervals."""
    of_pair = {(effect.arm, effect.against): effect for effect in effects if effect.metric == metric}
    rows = [row for row in _comparison_rows(summary, metric) if (row.effect.arm, row.effect.against) in of_pair]
    if not rows:
        return None
    of_rows = [_session_rates(of_pair[row.effect.arm, row.effect.against]) for row in rows]
    ranges = [f"{of_row.arm} between {min(of_row.percent):+.1f} and {max(of_row.percent):+.1f} %" for of_row in of_rows]
    points = [_session_points(place, of_row, rows[place].style) for place, of_row in enumerate(of_rows)]
    means = [replace(row, style=Style(symbol="bar")) for row in rows]
    return replace(
        _effect_figure(means, design, metric, points),
        name=f"sessions-{metric}",
        alt=f"Difference in {METRICS[metric].label}, session by session: {join_with_and(ranges)}.",
        height_px=SESSIONS_ROW_HEIGHT * len(rows),
        title=METRICS[metric].title,
    )


def _setting_rows(effects: Sequence[MainEffect]) -> list[EffectRow]:
    """Return a row for each setting of a screen."""
    return [
        EffectRow(effect, interval, Style(), "".join(f", with {level}" for level in effect.where.values()))
        for effect in effects
        if (interval := percent_interval(effect))
    ]


def _comparison_rows(summary: Summary, metric: str) -> list[EffectRow]:
    """Return the comparisons and then the controls, by reference, which is named unless it goes without saying."""
    comparisons = main_comparisons(summary, metric)
    groups = group_by_root([*comparisons, *control_comparisons(summary, metric)])
    is_named = len(groups) > 1 or summary.ladders or has_several_references(comparisons)
    where = ", against {}" if is_named else ""
    styles = arm_styles(summary)
    return [
        EffectRow(effect, interval, styles[effect.arm], where.format(reference_name(effect.arm, effect.against)))
        for effect in chain.from_iterable(groups.values())
        if (interval := percent_interval(effect))
    ]


def _effect_figure(rows: Sequence[EffectRow], design: Design, metric: str, behind: Sequence[Points] = ()) -> Figure:
    """Return the rows with the margin of equivalence, the line at zero, and `behind` the intervals other points."""
    margin = Band(-design.equivalence_percent / (1 + design.equivalence_percent / 100), design.equivalence_percent)
    ends = [margin.low, margin.high, *chain.from_iterable(points.xs for points in behind)]
    for row in rows:
        ends += _drawn_ends(row.interval, MAX_DRAWN_PERCENT)
    x = axis_around(ends, LESS_AND_MORE.format("less", METRICS[metric].label, "more"), " %")
    headings, intervals = [], []
    for place, row in enumerate(rows):
        result = f"{format_percent(row.interval)} {row.verdict}{row.where}"
        headings.append(row_heading(place, x, short_name(row.effect.arm), result))
        intervals.append(_interval_point(place, row.interval, row.style, format_percent(row.interval)))
    marks: list[Mark] = [margin, Guide(0), *headings, *behind, *intervals]
    return Figure("", "", ROW_HEIGHT * len(rows), x, row_axis(len(rows)), marks)


def _drawn_ends(interval: ReportedInterval, most_percent: float) -> tuple[float, float]:
    """Return what an axis shows of an interval: at most `most_percent` to either side of its value."""
    return max(interval.low, interval.value - most_percent), min(interval.high, interval.value + most_percent)


def _interval_point(y: float, interval: ReportedInterval, style: Style, text: str) -> Points:
    return Points([interval.value], [y], style, lows=[interval.low], highs=[interval.high], texts=[text], size_px=5)


def _session_points(place: int, effect: SessionEffects, style: Style) -> Points:
    heights = np.linspace(place - DOT_SPREAD, place + DOT_SPREAD, len(effect.percent)).tolist()
    numbered = zip(effect.sessions, effect.percent, strict=True)
    texts = [f"session {session}: {percent:+.2f} %" for session, percent in numbered]
    return Points(effect.percent, heights, replace(style, is_faint=True), texts=texts, size_px=3.5)


# Claims


def claims_figure(validation: Validation) -> Figure | None:
    """Return every claim with its interval or the A/A spread, above the bare arms; None without claims."""
    claims = validation.claims
    pairs = [
        (_claim_interval(claim, validation), percent_interval(claim.bare) if claim.bare else None) for claim in claims
    ]
    drawn = [interval for interval in chain.from_iterable(pairs) if interval]
    if not drawn:
        return None
    ends = [end for interval in drawn for end in _drawn_ends(interval, MAX_SPREAD_PERCENT)]
    x = axis_around([0, *ends], LESS_AND_MORE.format("faster", "than over TCP", "slower"), " %")
    marks: list[Mark] = [Guide(0), Points((), (), CLAIM_STYLE, "claimed"), Points((), (), HERE_STYLE, "here")]
    texts = []
    for place, (claim, (interval, here)) in enumerate(zip(claims, pairs, strict=True)):
        name = f"{claim.where} {claim.architecture}".strip()
        size = f"{interval.value:+.1f} %" if interval else "no time"
        numbers = f"{size}{f', here {here.value:+.1f} %' if here else ''}"
        texts.append(f"{name} {numbers}, {claim.standing}")
        marks.append(row_heading(place, x, _claim_heading(claim), numbers))
        marks += _claim_points(place - CLAIM_OFFSET, claim, interval) if interval else []
        marks += [_interval_point(place + CLAIM_OFFSET, here, HERE_STYLE, f"{here.value:+.1f} %")] if here else []
    alt = f"Time per request against TCP, claimed and here: {join_with_and(texts)}."
    height_px = CLAIM_ROW_HEIGHT * len(claims)
    return Figure("claims", alt, height_px, x, row_axis(len(claims)), marks, caption=_claims_caption(validation))


def _claims_caption(validation: Validation) -> str:
    """Return what explains the marks that the figure has."""
    intervals = [(claim, _claim_interval(claim, validation)) for claim in validation.claims]
    has_spread = any(
        claim.percent_low is None and interval.low < interval.high for claim, interval in intervals if interval
    )
    is_hollow = any(_is_hollow(claim) for claim, interval in intervals if interval)
    has_no_time = any(interval is None for _, interval in intervals)
    captions = ((SPREAD_CAPTION, has_spread), (HOLLOW_CAPTION, is_hollow), (NO_TIME_CAPTION, has_no_time))
    return " ".join(caption for caption, is_needed in captions if is_needed)


def _claim_heading(claim: Claim) -> str:
    """Return the place, cut where it is too long, and the architecture."""
    room = max(MAX_CLAIM_LENGTH - len(claim.architecture) - 1, MIN_PLACE_LENGTH)
    where = claim.where if len(claim.where) <= room else f"{claim.where[: room - 1]}\N{HORIZONTAL ELLIPSIS}"
    return f"{where} {short_name(claim.architecture)}".strip()


def _claim_interval(claim: Claim, validation: Validation) -> ReportedInterval | None:
    """Return the claim with its own interval, or with the A/A spread of single runs here; None without a time."""
    own, value = amount_interval(claim.in_percent), claim.percent
    if own or value is None:
        return own
    apart = [pairs.most_percent for spread in validation.spreads for pairs in [spread.apart or spread.next] if pairs]
    reach = min(apart, default=0.0)
    return ReportedInterval(value, value - reach, value + reach)


def _claim_points(y: float, claim: Claim, interval: ReportedInterval) -> Iterator[Points]:
    """Yield the interval, grey if it is the A/A spread, and the claim upon it."""
    color = NEUTRAL_COLOR if claim.percent_low is None else CLAIM_STYLE.color
    yield Points([interval.value], [y], Style(color, ""), lows=[interval.low], highs=[interval.high])
    symbol = "diamond-open" if _is_hollow(claim) else CLAIM_STYLE.symbol
    yield Points([interval.value], [y], Style(CLAIM_STYLE.color, symbol), texts=[f"{interval.value:+.1f} %"], size_px=5)


def _is_hollow(claim: Claim) -> bool:
    return "does not add up" in claim.reasons


def _session_rates(effect: SessionEffects) -> SessionEffects:
    """Return the effect in each session in percent of the rate, if its metric is a rate."""
    if not METRICS[effect.metric].is_rate:
        return effect
    return replace(effect, percent=tuple(inverse_percent(percent) for percent in effect.percent))
