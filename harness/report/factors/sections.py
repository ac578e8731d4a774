"""The sections on a factorial experiment: one for each factor beside the compared one."""

from collections.abc import Iterator, Sequence

from harness.model import Design, Difference, Interaction, LevelEffect, Metric, Summary
from harness.report.factors.agreement import TOOL, Effects, agreement, by_effect, effect_of, in_cpu_time, named, signs
from harness.report.factors.both import both_sentences, both_sheet
from harness.report.factors.ways import ways_section
from harness.report.sheet import NOTHING, Cell, Row, Section, Sheet, difference_cell, difference_cells, section
from harness.report.wording import by, percent_of, us_of

FACTOR_METRICS: tuple[Metric, Metric] = ("latency", "cpu")
CLIENT = "client"
VISIT_LENGTHS = (
    "A visit of client is a short burst, a visit of another tool a whole run. Occasional stalls affect the mean of "
    "every run but of few bursts only, which may explain a part of the difference between tools."
)
MAX_LEVEL_SENTENCES = 6  # main effects of a factor in words; more are in the table only


def factor_sections(summary: Summary, design: Design | None) -> list[Section]:
    """Return the sections if there are interactions: more than one factor and more than one reference."""
    factors = dict.fromkeys(interaction.factor for interaction in summary.interactions)
    return [*ways_section(summary, design), *(_factor_section(summary, factor, design) for factor in factors)]


def _factor_section(summary: Summary, factor: str, design: Design | None) -> Section:
    interactions, cpu_interactions = (by_effect(summary.interactions, factor, metric) for metric in FACTOR_METRICS)
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
        *agreement(interactions, effects, design),
        *(signs(summary.tool_signs) if factor == TOOL else ()),
        *in_cpu_time(cpu_interactions),
        *_level_sentences(levels),
        *([VISIT_LENGTHS] if factor == TOOL and _visits_are_unlike(summary) else ()),
        *both_sentences(summary, crossed),
    ]
    return section(_factor_heading(interactions[0]), sentences, sheets)


def _visits_are_unlike(summary: Summary) -> bool:
    """Return whether visits of barehop's client have less than half the requests of any run of a tool."""
    requests = {name: arm.requests for name, arm in summary.arms.items() if arm.control_of is None and arm.requests}
    ours = [count for name, count in requests.items() if summary.arms[name].settings.get(TOOL, CLIENT) == CLIENT]
    others = [count for name, count in requests.items() if summary.arms[name].settings.get(TOOL, CLIENT) != CLIENT]
    return bool(ours and others) and 2 * max(ours) < min(others)


def _factor_heading(interaction: Interaction) -> str:
    if interaction.factor == TOOL:
        return "Do the load tools agree?"
    return f"Does the effect of {interaction.compared} depend on {interaction.factor}?"


def _interaction_sheet(effects: Effects, interactions: Sequence[Interaction]) -> Sheet:
    first = interactions[0]
    base = named(first.factor, first.base)
    caption = f"The effect of {first.compared} at each level of {first.factor}, compared with {base}"
    header = (first.factor, "effect", "compared\n95 % interval", "us\n95 % interval", "verdict")
    return Sheet(caption, header, list(_interaction_rows(effects, interactions)))


def _interaction_rows(effects: Effects, interactions: Sequence[Interaction]) -> Iterator[Row]:
    """Yield each effect at the first level, then at the other levels compared with it."""
    several = len({effect_of(interaction) for interaction in interactions}) > 1
    shown_bases: set[tuple[str, str]] = set()
    for interaction in interactions:
        base = (interaction.base_arm, interaction.base_against)
        if base not in shown_bases:
            shown_bases.add(base)
            yield (
                _effect_cell(interaction.base, interaction, several),
                _percent_cell(effects[base]),
                NOTHING,
                NOTHING,
                ("reference", ""),
            )
        yield (
            _effect_cell(interaction.at, interaction, several),
            _percent_cell(effects[interaction.arm, interaction.against]),
            *difference_cells(interaction),
        )


def _effect_cell(level: str, interaction: Interaction, several: bool) -> Cell:
    if not several:
        return level, ""
    return ", ".join([level, interaction.level, *(f"{key} {value}" for key, value in interaction.where.items())]), ""


def _percent_cell(effect: Difference) -> Cell:
    main, _ = difference_cell(percent_of(effect), 1, " %")
    return main, ""


def _level_sheet(levels: Sequence[LevelEffect]) -> Sheet:
    first = levels[0]
    what = "The effect of the tool itself" if first.factor == TOOL else f"The effect of {first.factor} itself"
    header = (f"{first.factor}, {first.compared}", "difference\n95 % interval", "us\n95 % interval", "verdict")
    rows = [(_level_cell(level), *difference_cells(level)) for level in levels]
    return Sheet(f"{what}, against {named(first.factor, first.base)}", header, rows)


def _level_cell(effect: LevelEffect) -> Cell:
    return ", ".join([effect.at, effect.level, *(f"{key} {value}" for key, value in effect.where.items())]), ""


def _level_sentences(levels: Sequence[LevelEffect]) -> Iterator[str]:
    """Yield the significant main effects of the factor's levels, if they are few enough."""
    for effect in levels if len(levels) <= MAX_LEVEL_SENTENCES else ():
        estimate, us = percent_of(effect), us_of(effect)
        if effect.verdict in ("faster", "slower") and estimate and us:
            subject, base = (named(effect.factor, level) for level in (effect.at, effect.base))
            at = ", ".join(f"{key} = {level}" for key, level in {effect.compared: effect.level, **effect.where}.items())
            yield f"With {at}, {subject} is {effect.verdict} than {base} {by(estimate)}, {abs(us.value):.0f} us."
