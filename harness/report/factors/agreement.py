"""Sentences on whether an effect is the same at every level of another factor, such as the load tool."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from harness.model import Comparison, Design, Interaction, Metric, ToolSign
from harness.report.wording import (
    capitalized,
    difference,
    listed,
    percent_alone,
    percent_of,
    us_of,
    us_with_interval,
    within,
)

TOOL = "tool"

NEED_FACTOR = ("true", "false", "null", "unset")

Effects = Mapping[tuple[str, str], Comparison]


def by_effect(interactions: Sequence[Interaction], factor: str, metric: Metric) -> list[Interaction]:
    """Return the interactions of one factor and one metric, ordered by effect."""
    selected = [
        interaction for interaction in interactions if (interaction.factor, interaction.metric) == (factor, metric)
    ]
    effects = list(dict.fromkeys(map(effect_of, selected)))
    return sorted(selected, key=lambda interaction: effects.index(effect_of(interaction)))


def agreement(interactions: Sequence[Interaction], effects: Effects, design: Design | None) -> list[str]:
    """Return sentences for each effect; `interactions` are ordered by `by_effect`, `effects` have pairs as keys."""
    return [
        sentence
        for _, group in groupby(interactions, effect_of)
        for sentence in _effect_sentences(list(group), effects, design)
    ]


def named(factor: str, level: str) -> str:
    """Return a level, with its factor if the level is no word: `split`, but `workers 2`, `tls true`."""
    return level if level[:1].isalpha() and level not in NEED_FACTOR else f"{factor} {level}"


def effect_of(interaction: Interaction) -> str:
    """Return `the effect of transport (uds-tmpfs against tcp, connections = 8)`."""
    where = "".join(f", {key} = {level}" for key, level in interaction.where.items())
    return f"the effect of {interaction.compared} ({interaction.level} against {interaction.reference}{where})"


def _effect_sentences(group: Sequence[Interaction], effects: Effects, design: Design | None) -> Iterator[str]:
    if all(interaction.verdict == "agree" for interaction in group):
        yield _agreement_sentence(group, design)
        return
    agreeing = [_level_name(interaction) for interaction in group if interaction.verdict == "agree"]
    if agreeing:
        levels = listed([_base_name(group[0]), *agreeing])
        yield f"{capitalized(effect_of(group[0]))} is the same{within(design)} with {levels}."
    for interaction in group:
        yield from _dissent_sentences(interaction, effects)


def _agreement_sentence(group: Sequence[Interaction], design: Design | None) -> str:
    first, number = group[0], len(group) + 1
    if first.factor == TOOL:
        subject = "Both tools agree" if number == 2 else f"The {number} tools agree"
        return f"{subject} on {effect_of(first)}{within(design)}."
    return f"{capitalized(effect_of(first))} is the same{within(design)} at every level of {first.factor}."


def _dissent_sentences(interaction: Interaction, effects: Effects) -> Iterator[str]:
    estimate, level, base = percent_of(interaction), _level_name(interaction), _base_name(interaction)
    if interaction.verdict is None or estimate is None:
        yield f"No verdict on {level} against {base}: {interaction.why.rstrip('.')}."
        return
    here = _effect_at_level(level, effects[interaction.arm, interaction.against])
    there = _effect_at_level(base, effects[interaction.base_arm, interaction.base_against])
    sizes = f"{here}, {there}; difference {difference(estimate)}."
    if interaction.verdict == "differ":
        yield f"{_dissent(interaction)} on {effect_of(interaction)}: {sizes}"
        yield from _microseconds_sentence(interaction)
    elif interaction.verdict == "undecided":
        yield f"Whether {effect_of(interaction)} is the same with {level} as with {base} is undecided: {sizes}"


def _effect_at_level(level: str, comparison: Comparison) -> str:
    estimate = percent_of(comparison)
    return f"{percent_alone(estimate)} with {level}" if estimate else f"none with {level}"


def _dissent(interaction: Interaction) -> str:
    return (
        f"{_level_name(interaction)} disagrees"
        if interaction.factor == TOOL
        else f"{capitalized(_level_name(interaction))} and {_base_name(interaction)} differ"
    )


def in_cpu_time(interactions: Sequence[Interaction]) -> list[str]:
    """Return a sentence on the interactions in CPU time; nothing if CPU time was not read."""
    groups = [list(group) for _, group in groupby(interactions, effect_of)]
    clauses = [f"{effect_of(group[0])}: {', '.join(map(_cpu_time_clause, group))}" for group in groups]
    return (
        [f"CPU time per request, compared with {_base_name(interactions[0])}: {'; '.join(clauses)}."] if clauses else []
    )


def _cpu_time_clause(interaction: Interaction) -> str:
    estimate = percent_of(interaction)
    amount = f" {percent_alone(estimate)}" if estimate else ""
    return f"{_level_name(interaction)}{amount} ({interaction.verdict or 'no verdict'})"


def _microseconds_sentence(interaction: Interaction) -> Iterator[str]:
    """Yield a sentence if percentages differ but microseconds do not."""
    us = us_of(interaction)
    if us and not us.excludes_zero:
        yield (
            f"In microseconds {_level_name(interaction)} and {_base_name(interaction)} do not differ "
            f"({us_with_interval(us)}): the same time is a different share of a longer or shorter request."
        )


def signs(tool_signs: Sequence[ToolSign]) -> list[str]:
    """Return whether the tools agree on the sign, and why a tool does not."""
    if not tool_signs:
        return []
    reference = tool_signs[0].reference
    if all(sign.verdict == "same" for sign in tool_signs):
        return [f"Every tool agrees with {reference} on the sign."]
    return [_sign_sentence(sign) for sign in tool_signs if sign.verdict != "same"]


def _sign_sentence(sign: ToolSign) -> str:
    pair = f"of {sign.arm} against {sign.against}"
    if sign.verdict == "opposite":
        sentence = f"{sign.tool} has the opposite sign to {sign.reference} for the effect {pair}."
    else:
        sentence = f"Whether {sign.tool} and {sign.reference} agree on the sign of the effect {pair} is undecided."
    return " ".join([sentence, *sign.why])


def _level_name(interaction: Interaction) -> str:
    return named(interaction.factor, interaction.at)


def _base_name(interaction: Interaction) -> str:
    return named(interaction.factor, interaction.base)
