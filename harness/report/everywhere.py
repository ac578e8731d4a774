"""Says in one sentence that a comparison comes out the same way at all settings of everything else."""

from collections.abc import Iterator, Mapping, Sequence

from harness.model import ArmSummary, Comparison, Summary
from harness.report.wording import by, percent_of

FEWEST = 3  # places that make an everywhere; two are told with all their numbers
DECIDED = ("faster", "slower")


def everywhere(summary: Summary, asked: Sequence[Comparison]) -> str:
    """`uds-tmpfs is faster than tcp in all 8 cases: by 6.9 % (...) at 2/split to ...`; empty where it is not so.

    Each comparison must be of the same two levels of one setting, at a place of its own.
    """
    levels = {found for one in asked for found in [_levels(summary.arms, one)]}
    verdicts = {one.verdict for one in asked}
    references = {one.against for one in asked}
    if len(levels) != 1 or len(verdicts) != 1 or len(references) != len(asked) or len(asked) < FEWEST:
        return ""
    (found,), (verdict,) = levels, verdicts
    if found is None or verdict not in DECIDED:
        return ""
    theirs, ours = found
    least, most = _ends(asked)
    return (
        f"{ours} is {verdict} than {theirs} in all {len(asked)} cases, "
        f"{_at(least, theirs, named=True)} to {_at(most, theirs, named=False)}."
    )


def _levels(arms: Mapping[str, ArmSummary], one: Comparison) -> tuple[str, str] | None:
    """The reference's and the arm's, where exactly one setting differs and the arms' names tell it."""
    ours, theirs = (name.split("/") for name in (one.arm, one.against))
    differing = list(_differing(arms[one.arm].settings, arms[one.against].settings))
    places = [place for place, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]]
    if len(differing) != 1 or len(places) != 1 or len(ours) != len(theirs):
        return None
    return theirs[places[0]], ours[places[0]]


def _differing(ours: Mapping[str, object], theirs: Mapping[str, object]) -> Iterator[str]:
    yield from (key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key))


def _ends(asked: Sequence[Comparison]) -> tuple[Comparison, Comparison]:
    """The smallest and the largest."""
    inside = sorted(asked, key=lambda one: abs(one.percent or 0.0))
    return inside[0], inside[-1]


def _at(one: Comparison, level: str, *, named: bool) -> str:
    """`by 6.9 % (3.6 to 10.2) at 2/split`."""
    estimate = percent_of(one)
    assert estimate is not None  # it has a verdict
    place = "/".join(part for part in one.against.split("/") if part != level)
    size = by(estimate, named=named)
    return f"{size if named else size.removeprefix('by ')} at {place}"
