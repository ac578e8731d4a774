"""Takes a comparison apart that changes two factors at once, as the write-up's `combined` did."""

from collections.abc import Iterator, Sequence

from harness.model import BothAtOnce, Comparison, Interaction, LevelEffect, Summary
from harness.report.sheet import Judged, Row, Sheet, difference_cells
from harness.report.wording import difference, percent_of

MEANING = {
    "agree": "so neither depends on the other",
    "differ": "so what one does depends on the other",
    "undecided": "which is undecided",
}


def both_sentences(summary: Summary, found: Sequence[BothAtOnce]) -> Iterator[str]:
    """What each such comparison confounds, in the same data."""
    for one in found:
        numbers = [percent_of(part) for part in (one, *_parts(summary, one))]
        both, compared, factor, rest = (difference(each, named=False) if each else "unknown" for each in numbers)
        yield (
            f"{one.arm} against {one.against} changes both at once{_published(one)}: {both}. "
            f"By itself {one.compared} makes {compared} and {one.factor} {factor}; "
            f"beyond the two multiplied there is {rest}{_meaning(_interaction(summary, one))}."
        )


def both_sheet(summary: Summary, found: Sequence[BothAtOnce]) -> Sheet:
    """Each alone, both at once, and what both make beyond the two."""
    header = ("", "difference\n95 % interval", "us\n95 % interval", "verdict")
    return Sheet("Changing both at once", header, [row for one in found for row in _rows(summary, one)])


def _rows(summary: Summary, one: BothAtOnce) -> Iterator[Row]:
    compared, factor, interaction = _parts(summary, one)
    names = (
        f"{one.compared} alone: {one.compared_alone}",
        f"{one.factor} alone: {one.factor_alone}",
        f"both at once: {one.arm}",
        "beyond the two",
    )
    parts: tuple[Judged, ...] = (compared, factor, one, interaction)
    for name, part in zip(names, parts, strict=True):
        yield (name, ""), *difference_cells(part)


def _parts(summary: Summary, one: BothAtOnce) -> tuple[Comparison, LevelEffect, Interaction]:
    """(the compared factor alone, the other alone, the interaction)."""
    alone = {(each.arm, each.against): each for each in summary.comparisons if each.metric == one.metric}
    levels = {(each.arm, each.against): each for each in summary.levels if each.metric == one.metric}
    return (
        alone[one.compared_alone, one.against],
        levels[one.factor_alone, one.against],
        _interaction(summary, one),
    )


def _interaction(summary: Summary, one: BothAtOnce) -> Interaction:
    """That of the four arms."""
    return next(
        each
        for each in summary.interactions
        if (each.arm, each.against, each.base_arm, each.base_against, each.metric)
        == (one.arm, one.factor_alone, one.compared_alone, one.against, one.metric)
    )


def _meaning(interaction: Interaction) -> str:
    return f", {MEANING[interaction.verdict]}" if interaction.verdict else ""


def _published(one: BothAtOnce) -> str:
    """Whether the write-up compared this: a Unix socket on shared CPUs with TCP on CPUs of their own."""
    combined = one.level.startswith("uds-") and one.reference == "tcp" and (one.at, one.base) == ("shared", "split")
    return ", as the write-up's `combined` did" if combined else ""
