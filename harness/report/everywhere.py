"""Says in one sentence that a comparison comes out the same way at all settings of everything else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.model import ArmSummary, Comparison, Settings, Summary
from harness.report.wording import by, percent_of

FEWEST = 3  # places that make an everywhere; two are told with all their numbers
DECIDED = ("faster", "slower")
PLAIN = (bool, int, float, str)
USUAL = Settings().model_dump(mode="json")
SPEAKS = "transport"  # whose levels say what they are

Levels = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """The one setting in which an arm differs from its reference, and its values there and here."""

    setting: str
    theirs: str
    ours: str


def everywhere(summary: Summary, asked: Sequence[Comparison]) -> str:
    """`uds-tmpfs is faster than tcp in all 8 cases, by 6.9 % (...) at 2/split to ...`; empty where it is not so.

    Each comparison must be of the same change of one setting, at a place of its own that the arms' names tell.
    """
    changes = {_change(summary.arms, one) for one in asked}
    places = {_place(one) for one in asked}
    verdicts = {one.verdict for one in asked}
    if len(asked) < FEWEST or len(changes) != 1 or len(places) != len(asked) or len(verdicts) != 1:
        return ""
    (change,), (verdict,) = changes, verdicts
    known = "" not in places and all(percent_of(one) for one in asked)
    if change is None or verdict not in DECIDED or not known:
        return ""
    ours, theirs = (_level(change.setting, value) for value in (change.ours, change.theirs))
    least, *_, most = sorted(asked, key=lambda one: abs(one.percent or 0.0))
    sizes = f"by {_at(least, named=True)} to {_at(most, named=False)}"
    return f"{ours} is {verdict} than {theirs} in all {len(asked)} cases, {sizes}."


def _change(arms: Mapping[str, ArmSummary], one: Comparison) -> Change | None:
    """None where several settings differ, or one whose values are not plain."""
    ours, theirs = (dict(_flat(arms[name].settings)) for name in (one.arm, one.against))
    differing = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    if len(differing) != 1:
        return None
    values = [level.get(differing[0]) for level in (theirs, ours)]
    if not all(isinstance(value, PLAIN) and "/" not in str(value) for value in values):
        return None
    return Change(differing[0], *(json.dumps(value).strip('"') for value in values))


def _flat(settings: Levels) -> Iterator[tuple[str, object]]:
    """With what is usual where nothing is said, and each knob by itself."""
    for key, value in {**USUAL, **settings}.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{name}", inside) for name, inside in value.items())
        else:
            yield key, value


def _place(one: Comparison) -> str:
    """What the names of the two arms share but for one part; empty where they do not."""
    ours, theirs = (name.split("/") for name in (one.arm, one.against))
    differing = [place for place, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]]
    if len(ours) != len(theirs) or len(differing) != 1:
        return ""
    return "/".join(part for place, part in enumerate(theirs) if place != differing[0])


def _level(setting: str, value: str) -> str:
    return value if setting == SPEAKS else f"{setting} = {value}"


def _at(one: Comparison, *, named: bool) -> str:
    """`6.9 % (3.6 to 10.2) at 2/split`."""
    estimate = percent_of(one)
    assert estimate is not None  # the caller has looked
    return f"{by(estimate, named=named).removeprefix('by ')} at {_place(one)}"
