"""The contrasts that no other section shows, of any kind or metric."""

from collections.abc import Iterator, Mapping

from harness.model import METRICS, Design, Effect, Summary
from harness.report.cells import EFFECT_COLUMNS, PERCENT, STAR_NOTE_MANY_EFFECTS, star_notes
from harness.report.document import Column, IntervalCell, Row, Section, Table, TextCell, VerdictCell
from harness.report.format import (
    amount_interval,
    capitalize_first,
    margin_phrase,
    percent_with_interval,
    size_with_interval,
    us_with_interval,
)

KINDS_WITH_SECTIONS = {
    "pair", "percentile", "interaction", "level", "both at once", "main effect", "factor interaction", "ladder top",
    "sum of steps", "beyond the sum",
}  # fmt: skip
METRICS_WITH_SECTIONS = {"latency", "capacity", "mean", "cpu", "throughput", "p90", "p99", "p999"}
VERDICT_CLAUSES: Mapping[str | None, str] = {
    "faster": "less, {size}",
    "slower": "more, {size}",
    "equivalent": "equivalent{margin}: {interval}",
    "undecided": "undecided: {interval}",
    "agree": "they agree: {interval}",
    "differ": "they differ: {interval}",
    None: "no verdict: {why}",
}


def other_effects(summary: Summary) -> list[Effect]:
    """Return the effects that no other section shows."""
    return [
        effect
        for effect in summary.effects
        if effect.kind not in KINDS_WITH_SECTIONS or effect.metric not in METRICS_WITH_SECTIONS
    ]


def other_contrast_sections(summary: Summary, design: Design | None) -> list[Section]:
    """Return a table for each kind of contrast, with a sentence for each."""
    effects = other_effects(summary)
    if not effects:
        return []
    kinds = dict.fromkeys(effect.kind for effect in effects)
    tables = [
        Table(
            capitalize_first(kind),
            [Column("contrast"), *EFFECT_COLUMNS],
            [_row(effect) for effect in effects if effect.kind == kind],
        )
        for kind in kinds
    ]
    sentences = [_sentence(effect, design) for effect in effects]
    return [Section("Other contrasts", sentences, tables, star_notes(tables, STAR_NOTE_MANY_EFFECTS))]


def _row(effect: Effect) -> Row:
    is_open = effect.verdict == "undecided" and (effect.p_adjusted or 0) >= 1 - effect.confidence
    is_starred = bool(is_open and effect.percent and effect.percent.excludes_zero)
    return Row(
        (
            TextCell(effect.label, metric_label(effect.metric)),
            IntervalCell(effect.percent, PERCENT, 1, effect.margin_percent),
            IntervalCell(effect.us),
            VerdictCell(effect.verdict, is_starred),
        )
    )


def metric_label(metric: str) -> str:
    """Return what reports call the metric, or its own name."""
    return METRICS[metric].time_label if metric in METRICS else metric


def _sentence(effect: Effect, design: Design | None) -> str:
    """Return the verdict on the effect as a sentence, with its size in percent, or else in microseconds."""
    percent, us = amount_interval(effect.percent), amount_interval(effect.us)
    numbers = percent_with_interval(percent) if percent else us_with_interval(us) if us else "not measured"
    clause = VERDICT_CLAUSES.get(effect.verdict, f"{effect.verdict}: {{interval}}").format(
        size=size_with_interval(percent) if percent else numbers,
        interval=numbers,
        margin=margin_phrase(design),
        why=effect.why.rstrip(".") or "nothing was measured",
    )
    return f"{effect.label}, {metric_label(effect.metric)}: {clause}."


def other_effect_rows(summary: Summary) -> Iterator[dict[str, object]]:
    """Yield the lines of these effects in a CSV table."""
    for effect in other_effects(summary):
        judged = effect.model_dump(include={"p", "p_adjusted", "verdict"})
        for unit, interval in (("percent", effect.percent), ("us", effect.us)):
            quantity = f"{effect.metric}_{effect.kind.replace(' ', '_')}_{unit}"
            numbers = interval.model_dump() if interval else {}
            yield {"arm": effect.label, "quantity": quantity, **judged, **numbers}
