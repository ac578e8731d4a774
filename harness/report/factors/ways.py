"""The section on cross-validation: does an effect hold under other load tools, processes and orders?"""

from collections.abc import Sequence
from itertools import groupby

from harness.model import Design, Interaction, Summary
from harness.report.sheet import Section
from harness.report.wording import counted, difference, listed, percent_of, verdict_counts, within

DECISIVE = ("faster", "slower", "equivalent")
METHODS = (
    "Shared: one nginx and one gunicorn serve all arms, so process-specific effects cancel out. Swapped: the same with "
    "ports, upstreams and sockets of the arms in the opposite order, to detect effects of position or label. Separate: "
    "every arm has its own processes. No containers are involved."
)
CLIENTS, PROCESSES = "tool", "processes"  # factors that change the measurement method, not the measured system


def ways_section(summary: Summary, design: Design | None) -> list[Section]:
    """Return the section if only measurement methods, processes among them, are crossed with the compared factor."""
    interactions = [interaction for interaction in summary.interactions if interaction.metric == "latency"]
    factors = {interaction.factor for interaction in interactions}
    if PROCESSES not in factors or not factors <= {CLIENTS, PROCESSES}:
        return []
    sentences = [
        _validation_sentence(summary, effect, list(group), design)
        for effect, group in groupby(sorted(interactions, key=_effect_key), _effect_key)
    ]
    return [Section("Does the result hold under different measurement methods?", [*sentences, METHODS], [])]


def _effect_key(interaction: Interaction) -> tuple[str, str, str]:
    return interaction.compared, interaction.level, interaction.reference


def _validation_sentence(
    summary: Summary, effect: tuple[str, str, str], group: Sequence[Interaction], design: Design | None
) -> str:
    compared, level, reference = effect
    what = f"the effect of {compared} ({level} against {reference})"
    by_itself = f"{_largest_difference(group)}{_single_verdict(summary, group)}"
    if all(interaction.verdict == "agree" for interaction in group):
        return f"Cross-validated: {what} is the same{within(design)} {_method_names(group)}. {by_itself}"
    differs = any(interaction.verdict == "differ" for interaction in group)
    verdict = "Not cross-validated" if differs else "Not yet cross-validated"
    margin = f", with a margin of {design.equivalence_percent:g} %" if design else ""
    counts = verdict_counts([interaction.verdict for interaction in group], None)
    return (
        f"{verdict}: {what} was measured {_method_names(group)}. "
        f"Of {counted(len(group), 'pair')} of methods {counts}{margin}. {by_itself}"
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
    return f" Each method on its own: {group[0].level} is {verdict}." if verdict in DECISIVE and not others else ""


def _method_names(group: Sequence[Interaction]) -> str:
    """Return `by client and ab, on shared, swapped and separate processes`."""
    words = {CLIENTS: "by {}", PROCESSES: "on {} processes"}
    levels = {factor: _method_levels(group, factor) for factor in words}
    return ", ".join(words[factor].format(listed(some)) for factor, some in levels.items() if some)


def _method_levels(group: Sequence[Interaction], factor: str) -> list[str]:
    crossed = [interaction for interaction in group if interaction.factor == factor]
    return list(
        dict.fromkeys([*(interaction.base for interaction in crossed), *(interaction.at for interaction in crossed)])
    )


def _largest_difference(group: Sequence[Interaction]) -> str:
    intervals = [(interaction, estimate) for interaction in group if (estimate := percent_of(interaction))]
    if not intervals:
        return "No two methods could be compared."
    interaction, estimate = max(intervals, key=lambda pair: abs(pair[1].value))
    return (
        f"Largest difference: {interaction.factor} {interaction.at} against {interaction.base}, {difference(estimate)}."
    )
