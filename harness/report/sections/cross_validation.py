"""The section on other ways to measure: tools that agree, and results under other methods."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from harness.model import Comparison, Design, Interaction, Summary, ToolAgreement
from harness.report.format import (
    capitalize_first,
    format_percent,
    join_with_and,
    margin_phrase,
    percent_interval,
    percent_with_interval,
    pluralize,
    us_interval,
    us_with_interval,
    verdict_counts,
)
from harness.report.table import TextSection

TOOL_FACTOR = "tool"

NEED_FACTOR = ("true", "false", "null", "unset")

ComparisonsByPair = Mapping[tuple[str, str], Comparison]
DECISIVE_VERDICTS = ("faster", "slower", "equivalent")
METHODS_NOTE = (
    "Shared: one nginx and one gunicorn serve all arms, so process-specific effects cancel out. Swapped: the same with "
    "ports, upstreams and sockets of the arms in the opposite order, to detect effects of position or label. Separate: "
    "every arm has its own processes. No containers are involved."
)
METHOD_PHRASES = {"tool": "by {}", "processes": "on {} processes"}  # settings of the method, not of the system


def interactions_by_effect(interactions: Sequence[Interaction], factor: str, metric: str) -> list[Interaction]:
    """Return the interactions of one factor and one metric, ordered by effect."""
    selected = [
        interaction for interaction in interactions if (interaction.factor, interaction.metric) == (factor, metric)
    ]
    effects = list(dict.fromkeys(map(effect_text, selected)))
    return sorted(selected, key=lambda interaction: effects.index(effect_text(interaction)))


def agreement_sentences(
    interactions: Sequence[Interaction], effects: ComparisonsByPair, design: Design | None
) -> list[str]:
    """Return sentences for each effect; `interactions` are in the order of `interactions_by_effect`."""
    return [
        sentence
        for _, group in groupby(interactions, effect_text)
        for sentence in _effect_sentences(list(group), effects, design)
    ]


def level_text(factor: str, level: str) -> str:
    """Return a level, with its factor if the level is no word: `split`, but `workers 2`, `tls true`."""
    return level if level[:1].isalpha() and level not in NEED_FACTOR else f"{factor} {level}"


def effect_text(interaction: Interaction) -> str:
    """Return `the effect of transport (uds-tmpfs against tcp, connections = 8)`."""
    where = "".join(f", {key} = {level}" for key, level in interaction.where.items())
    return f"the effect of {interaction.compared} ({interaction.level} against {interaction.reference}{where})"


def _effect_sentences(group: Sequence[Interaction], effects: ComparisonsByPair, design: Design | None) -> Iterator[str]:
    if all(interaction.verdict == "agree" for interaction in group):
        yield _agreement_sentence(group, design)
        return
    agreeing = [_level_name(interaction) for interaction in group if interaction.verdict == "agree"]
    if agreeing:
        levels = join_with_and([_base_name(group[0]), *agreeing])
        yield f"{capitalize_first(effect_text(group[0]))} is the same{margin_phrase(design)} with {levels}."
    for interaction in group:
        yield from _dissent_sentences(interaction, effects)


def _agreement_sentence(group: Sequence[Interaction], design: Design | None) -> str:
    first, number = group[0], len(group) + 1
    if first.factor == TOOL_FACTOR:
        subject = "Both tools agree" if number == 2 else f"The {number} tools agree"
        return f"{subject} on {effect_text(first)}{margin_phrase(design)}."
    return (
        f"{capitalize_first(effect_text(first))} is the same{margin_phrase(design)} at every level of {first.factor}."
    )


def _dissent_sentences(interaction: Interaction, effects: ComparisonsByPair) -> Iterator[str]:
    estimate, level, base = percent_interval(interaction), _level_name(interaction), _base_name(interaction)
    if interaction.verdict is None or estimate is None:
        yield f"No verdict on {level} against {base}: {interaction.why.rstrip('.')}."
        return
    here = _effect_at_level(level, effects[interaction.arm, interaction.against])
    there = _effect_at_level(base, effects[interaction.base_arm, interaction.base_against])
    sizes = f"{here}, {there}; difference {percent_with_interval(estimate)}."
    if interaction.verdict == "differ":
        yield f"{_dissent(interaction)} on {effect_text(interaction)}: {sizes}"
        yield from _microseconds_sentence(interaction)
    elif interaction.verdict == "undecided":
        yield f"Whether {effect_text(interaction)} is the same with {level} as with {base} is undecided: {sizes}"


def _effect_at_level(level: str, comparison: Comparison) -> str:
    estimate = percent_interval(comparison)
    return f"{format_percent(estimate)} with {level}" if estimate else f"none with {level}"


def _dissent(interaction: Interaction) -> str:
    return (
        f"{_level_name(interaction)} disagrees"
        if interaction.factor == TOOL_FACTOR
        else f"{capitalize_first(_level_name(interaction))} and {_base_name(interaction)} differ"
    )


def cpu_time_sentences(interactions: Sequence[Interaction]) -> list[str]:
    """Return a sentence on the interactions in CPU time; nothing if CPU time was not read."""
    groups = [list(group) for _, group in groupby(interactions, effect_text)]
    clauses = [f"{effect_text(group[0])}: {', '.join(map(_cpu_time_clause, group))}" for group in groups]
    return (
        [f"CPU time per request, compared with {_base_name(interactions[0])}: {'; '.join(clauses)}."] if clauses else []
    )


def _cpu_time_clause(interaction: Interaction) -> str:
    estimate = percent_interval(interaction)
    amount = f" {format_percent(estimate)}" if estimate else ""
    return f"{_level_name(interaction)}{amount} ({interaction.verdict or 'no verdict'})"


def _microseconds_sentence(interaction: Interaction) -> Iterator[str]:
    """Yield a sentence if percentages differ but microseconds do not."""
    us = us_interval(interaction)
    if us and not us.excludes_zero:
        yield (
            f"In microseconds {_level_name(interaction)} and {_base_name(interaction)} do not differ "
            f"({us_with_interval(us)}): the same time is a different share of a longer or shorter request."
        )


def sign_sentences(tool_signs: Sequence[ToolAgreement]) -> list[str]:
    """Return whether the tools agree on the sign, and why a tool does not."""
    if not tool_signs:
        return []
    reference = tool_signs[0].reference
    if all(sign.verdict == "same" for sign in tool_signs):
        return [f"Every tool agrees with {reference} on the sign."]
    return [_sign_sentence(sign) for sign in tool_signs if sign.verdict != "same"]


def _sign_sentence(sign: ToolAgreement) -> str:
    pair = f"of {sign.arm} against {sign.against}"
    if sign.verdict == "opposite":
        sentence = f"{sign.tool} has the opposite sign to {sign.reference} for the effect {pair}."
    else:
        sentence = f"Whether {sign.tool} and {sign.reference} agree on the sign of the effect {pair} is undecided."
    return " ".join([sentence, *sign.why])


def _level_name(interaction: Interaction) -> str:
    return level_text(interaction.factor, interaction.at)


def _base_name(interaction: Interaction) -> str:
    return level_text(interaction.factor, interaction.base)


def cross_validation_section(summary: Summary, design: Design | None) -> list[TextSection]:
    """Return the section if only measurement methods, processes among them, are crossed with the compared factor."""
    interactions = [interaction for interaction in summary.interactions if interaction.metric == "latency"]
    factors = {interaction.factor for interaction in interactions}
    if "processes" not in factors or not factors <= METHOD_PHRASES.keys():
        return []
    sentences = [
        _validation_sentence(summary, effect, list(group), design)
        for effect, group in groupby(sorted(interactions, key=_effect_key), _effect_key)
    ]
    return [TextSection("Does the result hold under different measurement methods?", [*sentences, METHODS_NOTE], [])]


def _effect_key(interaction: Interaction) -> tuple[str, str, str]:
    return interaction.compared, interaction.level, interaction.reference


def _validation_sentence(
    summary: Summary, effect: tuple[str, str, str], group: Sequence[Interaction], design: Design | None
) -> str:
    compared, level, reference = effect
    what = f"the effect of {compared} ({level} against {reference})"
    by_itself = f"{_largest_difference(group)}{_single_verdict(summary, group)}"
    if all(interaction.verdict == "agree" for interaction in group):
        return f"Cross-validated: {what} is the same{margin_phrase(design)} {_method_names(group)}. {by_itself}"
    differs = any(interaction.verdict == "differ" for interaction in group)
    verdict = "Not cross-validated" if differs else "Not yet cross-validated"
    margin = f", with a margin of {design.equivalence_percent:g} %" if design else ""
    counts = verdict_counts([interaction.verdict for interaction in group], None)
    return (
        f"{verdict}: {what} was measured {_method_names(group)}. "
        f"Of {pluralize(len(group), 'pair')} of methods {counts}{margin}. {by_itself}"
    )


def _single_verdict(summary: Summary, group: Sequence[Interaction]) -> str:
    """Return the verdict of the single methods if all have the same one."""
    pairs = {
        pair
        for interaction in group
        for pair in ((interaction.arm, interaction.against), (interaction.base_arm, interaction.base_against))
    }
    verdicts = {c.verdict for c in summary.comparisons if (c.arm, c.against) in pairs and c.metric == "latency"}
    (verdict, *others) = verdicts or {None}
    return (
        f" Each method on its own: {group[0].level} is {verdict}."
        if verdict in DECISIVE_VERDICTS and not others
        else ""
    )


def _method_names(group: Sequence[Interaction]) -> str:
    """Return `by client and ab, on shared, swapped and separate processes`."""
    levels = {factor: _method_levels(group, factor) for factor in METHOD_PHRASES}
    return ", ".join(METHOD_PHRASES[factor].format(join_with_and(some)) for factor, some in levels.items() if some)


def _method_levels(group: Sequence[Interaction], factor: str) -> list[str]:
    crossed = [interaction for interaction in group if interaction.factor == factor]
    return list(
        dict.fromkeys([*(interaction.base for interaction in crossed), *(interaction.at for interaction in crossed)])
    )


def _largest_difference(group: Sequence[Interaction]) -> str:
    intervals = [(interaction, estimate) for interaction in group if (estimate := percent_interval(interaction))]
    if not intervals:
        return "No two methods could be compared."
    interaction, estimate = max(intervals, key=lambda pair: abs(pair[1].value))
    return (
        f"Largest difference: {interaction.factor} {interaction.at} against {interaction.base}, "
        f"{percent_with_interval(estimate)}."
    )
