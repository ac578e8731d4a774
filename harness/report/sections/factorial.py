"""The sections of a factorial design: interactions, both factors at once, and methods that are factors."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from harness.experiment.transports import is_tcp
from harness.model import ArmEffect, Comparison, Design, Interaction, JointEffect, LevelEffect, Summary, ToolAgreement
from harness.report.cells import ABSENT, EFFECT_COLUMNS, ReportedEffect, effect_cells, star_notes
from harness.report.document import Column, NumberCell, Row, Section, Table, TextCell, VerdictCell
from harness.report.format import (
    capitalize_first,
    format_percent,
    join_with_and,
    margin_phrase,
    percent_interval,
    percent_with_interval,
    pluralize,
    size_with_interval,
    us_interval,
    us_with_interval,
    verdict_counts,
)
from harness.report.select import level_with_unit

TOOL_FACTOR, CLIENT_TOOL = "tool", "client"
INTERACTION_MEANING = {
    "agree": ", so the two effects are independent",
    "differ": ", so each effect depends on the other",
    "undecided": ", which is undecided",
}
VISIT_LENGTHS = (
    "A visit of client is a short burst, a visit of another tool a whole run. Occasional stalls affect the mean of "
    "every run but of few bursts only, which may explain a part of the difference between tools."
)
METHODS_NOTE = (
    "Shared: one nginx and one gunicorn serve all arms, so process-specific effects cancel out. Swapped: the same with "
    "ports, upstreams and sockets of the arms in the opposite order, to detect effects of position or label. Separate: "
    "every arm has its own processes. No containers are involved."
)
METHOD_PHRASES = {"tool": "by {}", "processes": "on {} processes"}  # settings of the method, not of the system
MAX_LEVEL_SENTENCES = 6  # main effects of a factor in words; more are in the table only
VALUES_OF_FACTORS = ("true", "false", "null", "unset")  # which mean nothing without their factor

EffectsByPair = Mapping[tuple[str, str], Comparison]


def factor_sections(summary: Summary, design: Design | None) -> list[Section]:
    """Return the sections if there are interactions: more than one factor and more than one reference."""
    factors = dict.fromkeys(interaction.factor for interaction in summary.interactions)
    return [
        *_cross_validation_section(summary, design),
        *(_factor_section(summary, factor, design) for factor in factors),
    ]


def _factor_section(summary: Summary, factor: str, design: Design | None) -> Section:
    interactions, cpu_interactions = (_interactions(summary, factor, metric) for metric in ("latency", "cpu"))
    levels = [level for level in summary.levels if (level.factor, level.metric) == (factor, "latency")]
    effects = {(effect.arm, effect.against): effect for effect in summary.comparisons if effect.metric == "latency"}
    both = [effect for effect in summary.both_at_once if (effect.factor, effect.metric) == (factor, "latency")]
    crossed = both if {factor, both[0].compared} == {"placement", "transport"} else []
    tables = [_interaction_table(effects, interactions), _level_table(levels)]
    tables += [_both_table(summary, crossed)] if crossed else []
    is_tool, first = factor == TOOL_FACTOR, interactions[0]
    sentences = [
        *_agreement_sentences(interactions, effects, design),
        *(sign_sentences(summary.tool_signs) if is_tool else ()),
        *_cpu_time_sentences(cpu_interactions),
        *_level_sentences(levels),
        *([VISIT_LENGTHS] if is_tool and _visits_are_unlike(summary) else ()),
        *(_both_sentence(summary, effect) for effect in crossed),
    ]
    question = f"Does the effect of {first.compared} depend on {factor}?"
    heading = "Do the load tools agree?" if is_tool else question
    return Section(heading, [*sentences, *star_notes(tables)], tables)


def _interactions(summary: Summary, factor: str, metric: str) -> list[Interaction]:
    """Return the interactions of one factor and one metric, ordered by effect."""
    selected = [effect for effect in summary.interactions if (effect.factor, effect.metric) == (factor, metric)]
    order = list(dict.fromkeys(map(_effect_text, selected)))
    return sorted(selected, key=lambda interaction: order.index(_effect_text(interaction)))


def _visits_are_unlike(summary: Summary) -> bool:
    """Return whether visits of barehop's client have less than half the requests of any run of a tool."""
    arms = [arm for arm in summary.arms.values() if arm.control_of is None and arm.requests]
    ours = [arm.requests for arm in arms if arm.settings.get(TOOL_FACTOR, CLIENT_TOOL) == CLIENT_TOOL]
    others = [arm.requests for arm in arms if arm.settings.get(TOOL_FACTOR, CLIENT_TOOL) != CLIENT_TOOL]
    return bool(ours and others) and 2 * max(ours) < min(others)


def _interaction_table(effects: EffectsByPair, interactions: Sequence[Interaction]) -> Table:
    """Return each effect at the first level, then at the other levels compared with it."""
    first = interactions[0]
    several = len({_effect_text(interaction) for interaction in interactions}) > 1
    rows: dict[tuple[str, str], Row] = {}
    for interaction in interactions:
        base, pair = (interaction.base_arm, interaction.base_against), (interaction.arm, interaction.against)
        names = [_level_and_place(at, interaction, shown=several) for at in (interaction.base, interaction.at)]
        reference = (NumberCell(), NumberCell(), VerdictCell("reference"))
        rows.setdefault(base, Row((TextCell(names[0]), _percent_cell(effects[base]), *reference)))
        rows[pair] = Row((TextCell(names[1]), _percent_cell(effects[pair]), *effect_cells(interaction)))
    caption = f"The effect of {first.compared} at each level of {first.factor}, compared with {_base_name(first)}"
    columns = (Column(first.factor), Column("effect"), Column("compared", "95 % interval"), *EFFECT_COLUMNS[1:])
    return Table(caption, columns, list(rows.values()))


def _level_and_place(at: str, effect: Interaction | LevelEffect, *, shown: bool = True) -> str:
    places = [effect.level, *(f"{key} {level_with_unit(key, value)}" for key, value in effect.where.items())]
    return ", ".join([level_with_unit(effect.factor, at), *(places if shown else [])])


def _percent_cell(effect: ArmEffect) -> NumberCell:
    estimate = percent_interval(effect)
    return NumberCell(format_percent(estimate) if estimate else ABSENT)


def _level_table(levels: Sequence[LevelEffect]) -> Table:
    first = levels[0]
    what = "The effect of the tool itself" if first.factor == TOOL_FACTOR else f"The effect of {first.factor} itself"
    rows = [Row((TextCell(_level_and_place(level.at, level)), *effect_cells(level))) for level in levels]
    columns = (Column(f"{first.factor}, {first.compared}"), *EFFECT_COLUMNS)
    return Table(f"{what}, against {_level_text(first.factor, first.base)}", columns, rows)


def _level_sentences(levels: Sequence[LevelEffect]) -> Iterator[str]:
    """Yield the significant main effects of the factor's levels, if they are few enough."""
    for effect in levels if len(levels) <= MAX_LEVEL_SENTENCES else ():
        estimate, us = percent_interval(effect), us_interval(effect)
        if effect.verdict in ("faster", "slower") and estimate and us:
            subject, base = (_level_text(effect.factor, level) for level in (effect.at, effect.base))
            at = ", ".join(
                f"{key} = {level_with_unit(key, level)}"
                for key, level in {effect.compared: effect.level, **effect.where}.items()
            )
            size = f"{size_with_interval(estimate)}, {abs(us.value):.0f} us"
            yield f"With {at}, {subject} is {effect.verdict} than {base} {size}."


def _both_table(summary: Summary, effects: Sequence[JointEffect]) -> Table:
    """Return each factor alone, both at once, and the rest beyond the two."""
    rows = []
    for both in effects:
        compared, factor, interaction = _both_parts(summary, both)
        parts: dict[str, ReportedEffect] = {
            f"{both.compared} alone: {both.compared_alone}": compared,
            f"{both.factor} alone: {both.factor_alone}": factor,
            f"both at once: {both.arm}": both,
            "beyond the two": interaction,
        }
        rows += [Row((TextCell(name), *effect_cells(part))) for name, part in parts.items()]
    return Table("Changing both at once", (Column(""), *EFFECT_COLUMNS), rows)


def _both_parts(summary: Summary, both: JointEffect) -> tuple[Comparison, LevelEffect, Interaction]:
    """Return the compared factor alone, the other factor alone, and the interaction."""
    alone = {(effect.arm, effect.against): effect for effect in summary.comparisons if effect.metric == both.metric}
    levels = {(effect.arm, effect.against): effect for effect in summary.levels if effect.metric == both.metric}
    four_arms = (both.arm, both.factor_alone, both.compared_alone, both.against, both.metric)
    interaction = next(
        effect
        for effect in summary.interactions
        if (effect.arm, effect.against, effect.base_arm, effect.base_against, effect.metric) == four_arms
    )
    return alone[both.compared_alone, both.against], levels[both.factor_alone, both.against], interaction


def _both_sentence(summary: Summary, both: JointEffect) -> str:
    compared, factor, interaction = _both_parts(summary, both)
    intervals = [percent_interval(part) for part in (both, compared, factor, interaction)]
    texts = [percent_with_interval(interval, named=False) if interval else "unknown" for interval in intervals]
    # The write-up made this comparison: a Unix socket on shared CPUs, TCP on separate CPUs.
    is_shared = (both.at, both.base) == ("shared", "split")
    is_published = is_shared and is_tcp(both.reference) and not is_tcp(both.level)
    published = ", as the write-up's `combined` did" if is_published else ""
    return (
        f"{both.arm} against {both.against} changes both at once{published}: {texts[0]}. "
        f"Alone, {both.compared} makes {texts[1]} and {both.factor} {texts[2]}; beyond their product: "
        f"{texts[3]}{INTERACTION_MEANING.get(interaction.verdict or '', '')}."
    )


def _level_text(factor: str, level: str) -> str:
    """Return a level, with its factor if the level is no word: `split`, but `workers 2`, `tls true`."""
    if (factor, level) == ("rate", "0"):
        return "the closed loop"
    is_word = level[:1].isalpha() and level not in VALUES_OF_FACTORS
    return level if is_word else f"{factor} {level_with_unit(factor, level)}"


def _level_name(interaction: Interaction) -> str:
    return _level_text(interaction.factor, interaction.at)


def _base_name(interaction: Interaction) -> str:
    return _level_text(interaction.factor, interaction.base)


def _effect_text(interaction: Interaction) -> str:
    """Return `the effect of transport (uds-tmpfs against tcp, connections = 8)`."""
    where = "".join(f", {key} = {level_with_unit(key, level)}" for key, level in interaction.where.items())
    return f"the effect of {interaction.compared} ({interaction.level} against {interaction.reference}{where})"


def _agreement_sentences(
    interactions: Sequence[Interaction], effects: EffectsByPair, design: Design | None
) -> Iterator[str]:
    """Yield sentences for each effect: the levels at which it is the same, and each level at which it differs."""
    for what, effect_group in groupby(interactions, _effect_text):
        group = list(effect_group)
        first, number = group[0], len(group) + 1
        agreeing = [_level_name(interaction) for interaction in group if interaction.verdict == "agree"]
        same = f"{capitalize_first(what)} is the same{margin_phrase(design)}"
        if len(agreeing) < len(group):
            yield from [f"{same} with {join_with_and([_base_name(first), *agreeing])}."] if agreeing else []
            for interaction in group:
                yield from _dissent_sentences(interaction, effects)
        elif first.factor == TOOL_FACTOR:
            tools = "Both tools agree" if number == 2 else f"The {number} tools agree"
            yield f"{tools} on {what}{margin_phrase(design)}."
        else:
            yield f"{same} at every level of {first.factor}."


def _dissent_sentences(interaction: Interaction, effects: EffectsByPair) -> Iterator[str]:
    estimate, level, base = percent_interval(interaction), _level_name(interaction), _base_name(interaction)
    if interaction.verdict is None or estimate is None:
        yield f"No verdict on {level} against {base}: {interaction.why.rstrip('.')}."
        return
    pairs = {level: (interaction.arm, interaction.against), base: (interaction.base_arm, interaction.base_against)}
    sizes = [_size_with(name, effects[pair]) for name, pair in pairs.items()]
    numbers = f"{', '.join(sizes)}; difference {percent_with_interval(estimate)}."
    if interaction.verdict == "undecided":
        yield f"Whether {_effect_text(interaction)} is the same with {level} as with {base} is undecided: {numbers}"
    elif interaction.verdict == "differ":
        is_tool = interaction.factor == TOOL_FACTOR
        who = f"{level} disagrees" if is_tool else f"{capitalize_first(level)} and {base} differ"
        yield f"{who} on {_effect_text(interaction)}: {numbers}"
        us = us_interval(interaction)
        if us and not us.excludes_zero:
            yield (
                f"In microseconds {level} and {base} do not differ ({us_with_interval(us)}): the same time is a "
                "different share of a longer or shorter request."
            )


def _size_with(name: str, comparison: Comparison) -> str:
    estimate = percent_interval(comparison)
    return f"{format_percent(estimate) if estimate else 'none'} with {name}"


def _cpu_time_sentences(interactions: Sequence[Interaction]) -> Iterator[str]:
    """Yield a sentence on the interactions in CPU time; nothing if CPU time was not read."""
    groups = [(what, list(group)) for what, group in groupby(interactions, _effect_text)]
    clauses = [f"{what}: {', '.join(map(_cpu_time_clause, group))}" for what, group in groups]
    if clauses:
        yield f"CPU time per request, compared with {_base_name(interactions[0])}: {'; '.join(clauses)}."


def _cpu_time_clause(interaction: Interaction) -> str:
    estimate = percent_interval(interaction)
    amount = f" {format_percent(estimate)}" if estimate else ""
    return f"{_level_name(interaction)}{amount} ({interaction.verdict or 'no verdict'})"


def sign_sentences(tool_signs: Sequence[ToolAgreement]) -> list[str]:
    """Return whether the tools agree on the sign, and why a tool does not."""
    if tool_signs and all(sign.verdict == "same" for sign in tool_signs):
        return [f"Every tool agrees with {tool_signs[0].reference} on the sign."]
    return [_sign_sentence(sign) for sign in tool_signs if sign.verdict != "same"]


def _sign_sentence(sign: ToolAgreement) -> str:
    pair = f"of {sign.arm} against {sign.against}"
    if sign.verdict == "opposite":
        sentence = f"{sign.tool} has the opposite sign to {sign.reference} for the effect {pair}."
    else:
        sentence = f"Whether {sign.tool} and {sign.reference} agree on the sign of the effect {pair} is undecided."
    return " ".join([sentence, *sign.why])


def _cross_validation_section(summary: Summary, design: Design | None) -> list[Section]:
    """Return the section if only measurement methods, processes among them, are crossed with the compared factor."""
    interactions = [interaction for interaction in summary.interactions if interaction.metric == "latency"]
    factors = {interaction.factor for interaction in interactions}
    if "processes" not in factors or not factors <= METHOD_PHRASES.keys():
        return []
    groups = groupby(sorted(interactions, key=_compared_levels), _compared_levels)
    sentences = [_validation_sentence(summary, list(group), design) for _, group in groups]
    return [Section("Does the result hold under different measurement methods?", [*sentences, METHODS_NOTE])]


def _compared_levels(interaction: Interaction) -> tuple[str, str, str]:
    return interaction.compared, interaction.level, interaction.reference


def _validation_sentence(summary: Summary, group: Sequence[Interaction], design: Design | None) -> str:
    compared, level, reference = _compared_levels(group[0])
    what = f"the effect of {compared} ({level} against {reference})"
    numbers = f"{_largest_difference(group)}{_single_verdict(summary, group)}"
    if all(interaction.verdict == "agree" for interaction in group):
        return f"Cross-validated: {what} is the same{margin_phrase(design)} {_method_names(group)}. {numbers}"
    differs = any(interaction.verdict == "differ" for interaction in group)
    verdict = "Not cross-validated" if differs else "Not yet cross-validated"
    margin = f", with a margin of {design.equivalence_percent:g} %" if design else ""
    counts = verdict_counts([interaction.verdict for interaction in group], None)
    return (
        f"{verdict}: {what} was measured {_method_names(group)}. "
        f"Of {pluralize(len(group), 'pair')} of methods {counts}{margin}. {numbers}"
    )


def _single_verdict(summary: Summary, group: Sequence[Interaction]) -> str:
    """Return the verdict of the single methods if all have the same one."""
    pairs = {(effect.arm, effect.against) for effect in group}
    pairs |= {(effect.base_arm, effect.base_against) for effect in group}
    verdicts = {c.verdict for c in summary.comparisons if (c.arm, c.against) in pairs and c.metric == "latency"}
    if len(verdicts) != 1 or verdicts & {None, "undecided"}:
        return ""
    return f" Each method on its own: {group[0].level} is {verdicts.pop()}."


def _method_names(group: Sequence[Interaction]) -> str:
    """Return `by client and ab, on shared, swapped and separate processes`."""
    phrases = []
    for factor, phrase in METHOD_PHRASES.items():
        crossed = [interaction for interaction in group if interaction.factor == factor]
        levels = dict.fromkeys([*(effect.base for effect in crossed), *(effect.at for effect in crossed)])
        phrases += [phrase.format(join_with_and(list(levels)))] if levels else []
    return ", ".join(phrases)


def _largest_difference(group: Sequence[Interaction]) -> str:
    intervals = [(interaction, estimate) for interaction in group if (estimate := percent_interval(interaction))]
    if not intervals:
        return "No two methods could be compared."
    interaction, estimate = max(intervals, key=lambda pair: abs(pair[1].value))
    levels = f"{interaction.factor} {interaction.at} against {interaction.base}"
    return f"Largest difference: {levels}, {percent_with_interval(estimate)}."
