"""Comparisons that change two factors at once, split into their parts."""

from collections.abc import Iterator, Sequence

from harness.model import BothAtOnce, Comparison, Interaction, LevelEffect, Summary
from harness.report.sheet import Judged, Row, Sheet, difference_cells
from harness.report.wording import difference, percent_of

INTERACTION_MEANING = {
    "agree": "so the two effects are independent",
    "differ": "so each effect depends on the other",
    "undecided": "which is undecided",
}


def both_sentences(summary: Summary, changes: Sequence[BothAtOnce]) -> Iterator[str]:
    """Yield the parts of each such comparison in one sentence."""
    for both in changes:
        intervals = [percent_of(part) for part in (both, *_both_parts(summary, both))]
        both_text, compared, factor, rest = (
            difference(interval, named=False) if interval else "unknown" for interval in intervals
        )
        yield (
            f"{both.arm} against {both.against} changes both at once{_published_clause(both)}: {both_text}. "
            f"Alone, {both.compared} makes {compared} and {both.factor} {factor}; beyond their product: "
            f"{rest}{_meaning_clause(_interaction_of(summary, both))}."
        )


def both_sheet(summary: Summary, changes: Sequence[BothAtOnce]) -> Sheet:
    """Return a table of each factor alone, both at once, and the rest beyond the two."""
    header = ("", "difference\n95 % interval", "us\n95 % interval", "verdict")
    return Sheet("Changing both at once", header, [row for both in changes for row in _both_rows(summary, both)])


def _both_rows(summary: Summary, both: BothAtOnce) -> Iterator[Row]:
    compared, factor, interaction = _both_parts(summary, both)
    names = (
        f"{both.compared} alone: {both.compared_alone}",
        f"{both.factor} alone: {both.factor_alone}",
        f"both at once: {both.arm}",
        "beyond the two",
    )
    parts: tuple[Judged, ...] = (compared, factor, both, interaction)
    for name, part in zip(names, parts, strict=True):
        yield (name, ""), *difference_cells(part)


def _both_parts(summary: Summary, both: BothAtOnce) -> tuple[Comparison, LevelEffect, Interaction]:
    """Return the compared factor alone, the other factor alone, and the interaction."""
    alone = {(effect.arm, effect.against): effect for effect in summary.comparisons if effect.metric == both.metric}
    levels = {(effect.arm, effect.against): effect for effect in summary.levels if effect.metric == both.metric}
    return (
        alone[both.compared_alone, both.against],
        levels[both.factor_alone, both.against],
        _interaction_of(summary, both),
    )


def _interaction_of(summary: Summary, both: BothAtOnce) -> Interaction:
    """Return the interaction of the four arms."""
    return next(
        interaction
        for interaction in summary.interactions
        if (interaction.arm, interaction.against, interaction.base_arm, interaction.base_against, interaction.metric)
        == (both.arm, both.factor_alone, both.compared_alone, both.against, both.metric)
    )


def _meaning_clause(interaction: Interaction) -> str:
    return f", {INTERACTION_MEANING[interaction.verdict]}" if interaction.verdict else ""


def _published_clause(both: BothAtOnce) -> str:
    """Return a clause if the write-up made this comparison: a Unix socket on shared CPUs, TCP on separate CPUs."""
    combined = both.level.startswith("uds-") and both.reference == "tcp" and (both.at, both.base) == ("shared", "split")
    return ", as the write-up's `combined` did" if combined else ""
