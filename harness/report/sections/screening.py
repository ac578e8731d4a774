"""The section on a screening design: which settings change the time of a request."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.model import METRICS, Design, FactorInteraction, MainEffect, Summary
from harness.report.cells import EFFECT_COLUMNS, STAR_NOTE_MANY_EFFECTS, effect_cells, star_notes
from harness.report.document import Column, Row, Section, Table, TextCell
from harness.report.format import (
    join_with_and,
    margin_phrase,
    percent_interval,
    percent_with_interval,
    pluralize,
    size_with_interval,
    verdict_counts,
    verdict_word,
)
from harness.report.select import SCREEN_HEADING, effect_name, main_effects

MAX_INTERACTIONS = 20  # interactions in the table
SCREEN_NOTE = (
    "An effect is the difference between the mean of the arms with a level and the mean of the arms with the first "
    "level, so every arm contributes to every effect. Benjamini and Hochberg's correction limits the share of false "
    "discoveries among the faster and slower ones to 5 % on average."
)


def screen_sections(summary: Summary, design: Design | None) -> list[Section]:
    """Return the section if there are main effects."""
    effects, metric = main_effects(summary)
    if not effects:
        return []
    interactions = [effect for effect in summary.factor_interactions if effect.metric == metric]
    cpu_effects = [effect for effect in summary.main_effects if effect.metric == "cpu"]
    tables = [main_effect_table("Each setting, averaged over the others", effects)]
    tables += [main_effect_table("The same in CPU time", cpu_effects)] if cpu_effects else []
    tables += [_interaction_table(interactions)] if interactions else []
    sentences = [
        screen_answer(summary, design),
        SCREEN_NOTE,
        *_confounding_sentences(effects, interactions),
        *_dependence_sentences(interactions, design),
        *star_notes(tables, STAR_NOTE_MANY_EFFECTS),
    ]
    return [Section(SCREEN_HEADING, sentences, [*tables, _arm_table(summary, effects)])]


def screen_answer(summary: Summary, design: Design | None) -> str:
    """Return the significant effects with their numbers, and the number of the others by verdict."""
    effects, _ = main_effects(summary)
    significant = [effect for effect in effects if effect.verdict in ("faster", "slower")]
    parts = [f"{effect_name(effect)} makes {_direction(effect)} {_size(effect)}" for effect in significant]
    others = [effect.verdict for effect in effects if effect not in significant]
    parts += [f"{'of the others ' if significant else ''}{verdict_counts(others, design)}"] if others else []
    verb = "is" if len(significant) == 1 else "are"
    return (
        f"Of {pluralize(len(effects), 'effect')}, {len(significant) or 'none'} {verb} significant: {'; '.join(parts)}."
    )


def _direction(effect: MainEffect) -> str:
    """Return `requests faster`, or for a rate `the capacity higher`."""
    metric = METRICS[effect.metric]
    subject = f"the {metric.label}" if metric.is_rate else "requests"
    return f"{subject} {verdict_word(effect.verdict or '', effect.metric)}"


def _size(effect: MainEffect) -> str:
    estimate = percent_interval(effect)
    return size_with_interval(estimate) if estimate else ""


def main_effect_table(caption: str, effects: Sequence[MainEffect]) -> Table:
    """Return a row for each effect of a setting, averaged over the other settings."""
    rows = [Row((TextCell(effect_name(effect), f"for {effect.base}"), *effect_cells(effect))) for effect in effects]
    return Table(caption, (Column("setting"), *EFFECT_COLUMNS), rows)


def _interaction_table(interactions: Sequence[FactorInteraction]) -> Table:
    """Return the interactions with the smallest p; all that differ are among them or in a sentence."""
    by_p = sorted(interactions, key=lambda effect: 2 if effect.p_adjusted is None else effect.p_adjusted)
    smallest = by_p[:MAX_INTERACTIONS]
    rows = [
        Row((TextCell(f"{effect.arm} with {effect.other.rpartition('.')[2]}={effect.other_at}"), *effect_cells(effect)))
        for effect in interactions
        if effect in smallest
    ]
    more = f": {MAX_INTERACTIONS} of {len(interactions)}" if len(interactions) > MAX_INTERACTIONS else ""
    return Table(f"Interactions of two settings{more}", (Column("settings"), *EFFECT_COLUMNS), rows)


def _confounding_sentences(effects: Sequence[MainEffect], interactions: Sequence[FactorInteraction]) -> Iterator[str]:
    """Yield the effects that the design confounds."""
    whole = {effect.arm: effect.mixed_with for effect in effects if effect.mixed_with}
    if whole:
        mixtures = "; ".join(f"{name} with {join_with_and(others)}" for name, others in whole.items())
        yield f"With so few runs, effects are confounded with interactions of two others: {mixtures}."
    partly = max((effect.partly_mixed_with for effect in effects), default=0)
    if partly:
        yield (
            f"Each effect is partly confounded with interactions of two others (of {pluralize(partly, 'pair')}): "
            "confirm the significant ones in a factorial experiment."
        )
    groups = [[_factor_pair(effect), *effect.mixed_with] for effect in interactions if effect.mixed_with]
    if groups:
        yield f"These interactions are confounded with each other: {'; '.join(map(join_with_and, groups))}."


def _factor_pair(interaction: FactorInteraction) -> str:
    return f"{interaction.factor.rpartition('.')[2]} x {interaction.other.rpartition('.')[2]}"


def _dependence_sentences(interactions: Sequence[FactorInteraction], design: Design | None) -> Iterator[str]:
    for interaction in interactions:
        estimate = percent_interval(interaction)
        if interaction.verdict == "differ" and estimate:
            other = interaction.other.rpartition(".")[2]
            yield (
                f"The effect of {interaction.arm} differs between {other}={interaction.other_at} and "
                f"{other}={interaction.other_base}: {percent_with_interval(estimate)}."
            )
    agreeing = sum(interaction.verdict == "agree" for interaction in interactions)
    if agreeing:
        yield (
            f"{agreeing} of {pluralize(len(interactions), 'pair')} of settings are independent{margin_phrase(design)}."
        )


def _arm_table(summary: Summary, effects: Sequence[MainEffect]) -> Table:
    """Return the arms with the settings that differ from the first arm."""
    keys = dict.fromkeys([effect.factor for effect in effects] + [key for effect in effects for key in effect.where])
    arms = {name: arm.settings for name, arm in summary.arms.items() if not arm.control_of}
    first = next(iter(arms.values()), {})
    rows = []
    for name, settings in arms.items():
        values = {key: _setting_value(settings, key) for key in keys}
        changed = [
            f"{key.rpartition('.')[2]}={value}" for key, value in values.items() if value != _setting_value(first, key)
        ]
        rows.append(Row((TextCell(name), TextCell(", ".join(changed) or "nothing"))))
    return Table("Changed settings of each arm", (Column("arm"), Column("changed")), rows)


def _setting_value(settings: Mapping[str, Any], key: str) -> Any:
    """Return a setting or a knob; a setting with its default is not recorded."""
    knob = key.removeprefix("knobs.")
    return settings.get(key, "default") if knob == key else settings.get("knobs", {}).get(knob)
