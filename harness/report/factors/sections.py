"""The sections of a report on a factorial experiment, one for each factor beside the compared one."""

from collections.abc import Iterator, Sequence

from harness.model import Design, Difference, Interaction, LevelEffect, Metric, Summary
from harness.report.factors.agreement import TOOL, Effects, agreement, by_effect, effect_of, in_cpu_time, named, signs
from harness.report.factors.both import both_sentences, both_sheet
from harness.report.factors.ways import ways_section
from harness.report.sheet import NOTHING, Cell, Row, Section, Sheet, difference_cell, difference_cells, section
from harness.report.wording import by, percent_of, us_of

METRICS: tuple[Metric, Metric] = ("latency", "cpu")
CLIENT = "client"
VISITS = (
    "A visit of client is a short burst and a visit of another tool a whole run: what stalls now and then is in the "
    "mean of every run and of few bursts, so a part of the difference between tools may be that."
)
FEW = 6  # effects of the factor by itself that are told in words; more are in the table


def factor_sections(summary: Summary, design: Design | None) -> list[Section]:
    """None where there is one factor only, or one arm that all are compared with."""
    factors = dict.fromkeys(one.factor for one in summary.interactions)
    return [*ways_section(summary, design), *(_section(summary, factor, design) for factor in factors)]


def _section(summary: Summary, factor: str, design: Design | None) -> Section:
    found, used = (by_effect(summary.interactions, factor, metric) for metric in METRICS)
    levels = [one for one in summary.levels if (one.factor, one.metric) == (factor, "latency")]
    effects = {(one.arm, one.against): one for one in summary.comparisons if one.metric == "latency"}
    both = [one for one in summary.both_at_once if (one.factor, one.metric) == (factor, "latency")]
    told = both if {factor, both[0].compared} == {"placement", "transport"} else []
    sheets = [_interactions(effects, found), _levels(levels), *([both_sheet(summary, told)] if told else [])]
    sentences = [
        *agreement(found, effects, design),
        *(signs(summary.tool_signs) if factor == TOOL else ()),
        *in_cpu_time(used),
        *_alone(levels),
        *([VISITS] if factor == TOOL and _visits_are_unlike(summary) else ()),
        *both_sentences(summary, told),
    ]
    return section(_heading(found[0]), sentences, sheets)


def _visits_are_unlike(summary: Summary) -> bool:
    """Whether our client's visits are much shorter than the runs of tools."""
    requests = {name: arm.requests for name, arm in summary.arms.items() if arm.control_of is None and arm.requests}
    ours = [count for name, count in requests.items() if summary.arms[name].settings.get(TOOL, CLIENT) == CLIENT]
    others = [count for name, count in requests.items() if summary.arms[name].settings.get(TOOL, CLIENT) != CLIENT]
    return bool(ours and others) and 2 * max(ours) < min(others)


def _heading(one: Interaction) -> str:
    if one.factor == TOOL:
        return "Do the tools agree, and which tool was used?"
    return f"Does the effect of {one.compared} depend on {one.factor}?"


def _interactions(effects: Effects, found: Sequence[Interaction]) -> Sheet:
    first = found[0]
    base = named(first.factor, first.base)
    caption = f"The effect of {first.compared} at each level of {first.factor}, beside that with {base}"
    header = (first.factor, "effect", "beside it\n95 % interval", "us\n95 % interval", "verdict")
    return Sheet(caption, header, list(_interaction_rows(effects, found)))


def _interaction_rows(effects: Effects, found: Sequence[Interaction]) -> Iterator[Row]:
    """Each effect at the first level, then the others beside it."""
    several = len({effect_of(one) for one in found}) > 1
    told: set[tuple[str, str]] = set()
    for one in found:
        base = (one.base_arm, one.base_against)
        if base not in told:
            told.add(base)
            yield _named(one.base, one, several), _value(effects[base]), NOTHING, NOTHING, ("reference", "")
        yield _named(one.at, one, several), _value(effects[one.arm, one.against]), *difference_cells(one)


def _named(level: str, one: Interaction, several: bool) -> Cell:
    if not several:
        return level, ""
    return ", ".join([level, one.level, *(f"{key} {value}" for key, value in one.where.items())]), ""


def _value(one: Difference) -> Cell:
    main, _ = difference_cell(percent_of(one), 1, " %")
    return main, ""


def _levels(found: Sequence[LevelEffect]) -> Sheet:
    first = found[0]
    what = "What the tool adds" if first.factor == TOOL else f"What {first.factor} does by itself"
    header = (f"{first.factor}, {first.compared}", "difference\n95 % interval", "us\n95 % interval", "verdict")
    rows = [(_level_name(one), *difference_cells(one)) for one in found]
    return Sheet(f"{what}, against {named(first.factor, first.base)}", header, rows)


def _level_name(one: LevelEffect) -> Cell:
    return ", ".join([one.at, one.level, *(f"{key} {value}" for key, value in one.where.items())]), ""


def _alone(levels: Sequence[LevelEffect]) -> Iterator[str]:
    """What each level of the factor does by itself, where they are few enough to be told."""
    for one in levels if len(levels) <= FEW else ():
        estimate, us = percent_of(one), us_of(one)
        if one.verdict in ("faster", "slower") and estimate and us:
            subject, base = (named(one.factor, level) for level in (one.at, one.base))
            at = ", ".join(f"{key} = {level}" for key, level in {one.compared: one.level, **one.where}.items())
            yield f"With {at}, {subject} is {one.verdict} than {base} {by(estimate)}, {abs(us.value):.0f} us."
