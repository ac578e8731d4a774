"""The sections of a factorial design: interactions, both factors at once."""

from collections.abc import Iterator, Sequence

from harness.experiment.transports import is_tcp
from harness.model import ArmEffect, Comparison, Design, Interaction, JointEffect, LevelEffect, Summary
from harness.report.format import percent_interval, percent_with_interval, size_with_interval, us_interval
from harness.report.sections.cross_validation import (
    TOOL_FACTOR,
    ComparisonsByPair,
    agreement_sentences,
    cpu_time_sentences,
    cross_validation_section,
    effect_text,
    interactions_by_effect,
    level_text,
    sign_sentences,
)
from harness.report.table import (
    EMPTY_CELL,
    DataTable,
    ReportedEffect,
    TableCell,
    TableRow,
    TextSection,
    difference_cell,
    difference_cells,
    make_section,
)

INTERACTION_MEANING = {
    "agree": "so the two effects are independent",
    "differ": "so each effect depends on the other",
    "undecided": "which is undecided",
}
CLIENT_TOOL = "client"
VISIT_LENGTHS = (
    "A visit of client is a short burst, a visit of another tool a whole run. Occasional stalls affect the mean of "
    "every run but of few bursts only, which may explain a part of the difference between tools."
)
MAX_LEVEL_SENTENCES = 6  # main effects of a factor in words; more are in the table only


def both_sentences(summary: Summary, changes: Sequence[JointEffect]) -> Iterator[str]:
    """Yield the parts of each such comparison in one sentence."""
    for both in changes:
        intervals = [percent_interval(part) for part in (both, *_both_parts(summary, both))]
        both_text, compared, factor, rest = (
            percent_with_interval(interval, named=False) if interval else "unknown" for interval in intervals
        )
        yield (
            f"{both.arm} against {both.against} changes both at once{_published_clause(both)}: {both_text}. "
            f"Alone, {both.compared} makes {compared} and {both.factor} {factor}; beyond their product: "
            f"{rest}{_meaning_clause(_interaction_of(summary, both))}."
        )


def both_sheet(summary: Summary, changes: Sequence[JointEffect]) -> DataTable:
    """Return a table of each factor alone, both at once, and the rest beyond the two."""
    header = ("", "difference\n95 % interval", "us\n95 % interval", "verdict")
    return DataTable("Changing both at once", header, [row for both in changes for row in _both_rows(summary, both)])


def _both_rows(summary: Summary, both: JointEffect) -> Iterator[TableRow]:
    compared, factor, interaction = _both_parts(summary, both)
    names = (
        f"{both.compared} alone: {both.compared_alone}",
        f"{both.factor} alone: {both.factor_alone}",
        f"both at once: {both.arm}",
        "beyond the two",
    )
    parts: tuple[ReportedEffect, ...] = (compared, factor, both, interaction)
    for name, part in zip(names, parts, strict=True):
        yield (name, ""), *difference_cells(part)


def _both_parts(summary: Summary, both: JointEffect) -> tuple[Comparison, LevelEffect, Interaction]:
    """Return the compared factor alone, the other factor alone, and the interaction."""
    alone = {(effect.arm, effect.against): effect for effect in summary.comparisons if effect.metric == both.metric}
    levels = {(effect.arm, effect.against): effect for effect in summary.levels if effect.metric == both.metric}
    return (
        alone[both.compared_alone, both.against],
        levels[both.factor_alone, both.against],
        _interaction_of(summary, both),
    )


def _interaction_of(summary: Summary, both: JointEffect) -> Interaction:
    """Return the interaction of the four arms."""
    return next(
        interaction
        for interaction in summary.interactions
        if (interaction.arm, interaction.against, interaction.base_arm, interaction.base_against, interaction.metric)
        == (both.arm, both.factor_alone, both.compared_alone, both.against, both.metric)
    )


def _meaning_clause(interaction: Interaction) -> str:
    return f", {INTERACTION_MEANING[interaction.verdict]}" if interaction.verdict else ""


def _published_clause(both: JointEffect) -> str:
    """Return a clause if the write-up made this comparison: a Unix socket on shared CPUs, TCP on separate CPUs."""
    is_shared = (both.at, both.base) == ("shared", "split")
    combined = is_shared and is_tcp(both.reference) and not is_tcp(both.level)
    return ", as the write-up's `combined` did" if combined else ""


def factor_sections(summary: Summary, design: Design | None) -> list[TextSection]:
    """Return the sections if there are interactions: more than one factor and more than one reference."""
    factors = dict.fromkeys(interaction.factor for interaction in summary.interactions)
    return [
        *cross_validation_section(summary, design),
        *(_factor_section(summary, factor, design) for factor in factors),
    ]


def _factor_section(summary: Summary, factor: str, design: Design | None) -> TextSection:
    interactions, cpu_interactions = (
        interactions_by_effect(summary.interactions, factor, metric) for metric in ("latency", "cpu")
    )
    levels = [level for level in summary.levels if (level.factor, level.metric) == (factor, "latency")]
    effects = {(effect.arm, effect.against): effect for effect in summary.comparisons if effect.metric == "latency"}
    both = [effect for effect in summary.both_at_once if (effect.factor, effect.metric) == (factor, "latency")]
    crossed = both if {factor, both[0].compared} == {"placement", "transport"} else []
    sheets = [
        _interaction_sheet(effects, interactions),
        _level_sheet(levels),
        *([both_sheet(summary, crossed)] if crossed else []),
    ]
    sentences = [
        *agreement_sentences(interactions, effects, design),
        *(sign_sentences(summary.tool_signs) if factor == TOOL_FACTOR else ()),
        *cpu_time_sentences(cpu_interactions),
        *_level_sentences(levels),
        *([VISIT_LENGTHS] if factor == TOOL_FACTOR and _visits_are_unlike(summary) else ()),
        *both_sentences(summary, crossed),
    ]
    return make_section(_factor_heading(interactions[0]), sentences, sheets)


def _visits_are_unlike(summary: Summary) -> bool:
    """Return whether visits of barehop's client have less than half the requests of any run of a tool."""
    requests = {name: arm.requests for name, arm in summary.arms.items() if arm.control_of is None and arm.requests}
    ours = [
        count
        for name, count in requests.items()
        if summary.arms[name].settings.get(TOOL_FACTOR, CLIENT_TOOL) == CLIENT_TOOL
    ]
    others = [
        count
        for name, count in requests.items()
        if summary.arms[name].settings.get(TOOL_FACTOR, CLIENT_TOOL) != CLIENT_TOOL
    ]
    return bool(ours and others) and 2 * max(ours) < min(others)


def _factor_heading(interaction: Interaction) -> str:
    if interaction.factor == TOOL_FACTOR:
        return "Do the load tools agree?"
    return f"Does the effect of {interaction.compared} depend on {interaction.factor}?"


def _interaction_sheet(effects: ComparisonsByPair, interactions: Sequence[Interaction]) -> DataTable:
    first = interactions[0]
    base = level_text(first.factor, first.base)
    caption = f"The effect of {first.compared} at each level of {first.factor}, compared with {base}"
    header = (first.factor, "effect", "compared\n95 % interval", "us\n95 % interval", "verdict")
    return DataTable(caption, header, list(_interaction_rows(effects, interactions)))


def _interaction_rows(effects: ComparisonsByPair, interactions: Sequence[Interaction]) -> Iterator[TableRow]:
    """Yield each effect at the first level, then at the other levels compared with it."""
    several = len({effect_text(interaction) for interaction in interactions}) > 1
    shown_bases: set[tuple[str, str]] = set()
    for interaction in interactions:
        base = (interaction.base_arm, interaction.base_against)
        if base not in shown_bases:
            shown_bases.add(base)
            yield (
                _effect_cell(interaction.base, interaction, several),
                _percent_cell(effects[base]),
                EMPTY_CELL,
                EMPTY_CELL,
                ("reference", ""),
            )
        yield (
            _effect_cell(interaction.at, interaction, several),
            _percent_cell(effects[interaction.arm, interaction.against]),
            *difference_cells(interaction),
        )


def _effect_cell(level: str, interaction: Interaction, several: bool) -> TableCell:
    if not several:
        return level, ""
    return ", ".join([level, interaction.level, *(f"{key} {value}" for key, value in interaction.where.items())]), ""


def _percent_cell(effect: ArmEffect) -> TableCell:
    main, _ = difference_cell(percent_interval(effect), 1, " %")
    return main, ""


def _level_sheet(levels: Sequence[LevelEffect]) -> DataTable:
    first = levels[0]
    what = "The effect of the tool itself" if first.factor == TOOL_FACTOR else f"The effect of {first.factor} itself"
    header = (f"{first.factor}, {first.compared}", "difference\n95 % interval", "us\n95 % interval", "verdict")
    rows = [(_level_cell(level), *difference_cells(level)) for level in levels]
    return DataTable(f"{what}, against {level_text(first.factor, first.base)}", header, rows)


def _level_cell(effect: LevelEffect) -> TableCell:
    return ", ".join([effect.at, effect.level, *(f"{key} {value}" for key, value in effect.where.items())]), ""


def _level_sentences(levels: Sequence[LevelEffect]) -> Iterator[str]:
    """Yield the significant main effects of the factor's levels, if they are few enough."""
    for effect in levels if len(levels) <= MAX_LEVEL_SENTENCES else ():
        estimate, us = percent_interval(effect), us_interval(effect)
        if effect.verdict in ("faster", "slower") and estimate and us:
            subject, base = (level_text(effect.factor, level) for level in (effect.at, effect.base))
            at = ", ".join(f"{key} = {level}" for key, level in {effect.compared: effect.level, **effect.where}.items())
            yield (
                f"With {at}, {subject} is {effect.verdict} than {base} {size_with_interval(estimate)}, "
                f"{abs(us.value):.0f} us."
            )
