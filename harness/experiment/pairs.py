"""Pair each arm with its reference, and make the control."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.experiment.arms import CONTROL, level_name, merged
from harness.experiment.document import is_setting, level_problems, setting_table
from harness.experiment.ladder import AGAINST, BELOW, climbs, ladder_problems, lower_arm
from harness.experiment.wording import Problem, did_you_mean, shown
from harness.model import Arm, Design, Settings

Pair = tuple[str, str]
Level = dict[str, Any]  # one setting and its value


def against_problems(arms: Sequence[Arm], design: Design) -> Iterator[Problem]:
    """Yield why `design.against` is neither one of these arms, nor the rung below, nor a level of a setting."""
    against, names = design.against, [arm.name for arm in arms]
    if climbs(design):
        if BELOW in names:
            yield Problem(AGAINST, BELOW, "this means the rung below each arm. Rename the arm of that name.")
        return
    if isinstance(against, str):
        if against and names and against not in names:
            levels = [*map(str, _levels_called(against, arms))]
            text = " ".join(levels) or did_you_mean(against, names).strip()
            yield Problem(AGAINST, against, f"there is no such arm. {text}")
        return
    if len(against) != 1:
        yield Problem(AGAINST, against, 'give exactly one setting and its level, like { transport = "tcp" }.')
        return
    key, level = next(iter(against.items()))
    if is_setting(key):
        yield from level_problems(key, level, (*AGAINST, key))
    else:
        yield Problem((*AGAINST, key), level, f"there is no such setting.{did_you_mean(key, Settings.model_fields)}")


def _levels_called(word: str, arms: Sequence[Arm]) -> Iterator[str]:
    """Yield a hint for each setting that differs between arms and has a level called `word`."""
    for key in Settings.model_fields:
        levels = {level_name(level): level for arm in arms if (level := getattr(arm.settings, key)) is not None}
        if word in levels and len(levels) > 1:
            yield f"To compare with the arms with that {key}, write against = {shown({key: levels[word]})}."


def pair_problems(names: Sequence[str], design: Design) -> Iterator[Problem]:
    """Yield why `design.pairs` are not pairs of these arms."""
    if design.pairs and design.against:
        text = "excludes design.pairs, which also defines what is compared. Keep one of them."
        yield Problem(AGAINST, design.against, text)
    for number, pair in enumerate(design.pairs):
        place = ("design", "pairs", number)
        if len(pair) != 2 or pair[0] == pair[1] or pair in design.pairs[:number]:
            yield Problem(place, pair, "write two different arms, [arm, reference], and each pair once.")
            continue
        for name in pair:
            if name not in names:
                yield Problem(place, pair, f"there is no arm {name!r}.{did_you_mean(name, names)}")


def counterpart_problems(arms: Sequence[Arm], design: Design) -> Iterator[Problem]:
    """Yield a problem for each arm without a reference, if `design.against` is a level or the rung below."""
    against = design.against
    yield from ladder_problems(arms, design)
    if isinstance(against, str):
        return
    key = next(iter(against))
    having = [arm for arm in arms if _has(arm, against)]
    if not having:
        levels = ", ".join(dict.fromkeys(shown(_level(arm, key)) for arm in arms))
        yield Problem(AGAINST, against, f"no arm has this level. The arms have: {levels}.")
    elif len(having) == len(arms):
        yield Problem(AGAINST, against, "all arms have this level. Name a setting in which they differ, or an arm.")
    else:
        alone = [arm.name for arm in arms if _counterpart(arm, arms, against) is None]
        for name in alone:
            text = f"no arm with this level has all other settings of {name!r}. Add it, or name an arm."
            yield Problem(AGAINST, against, text)


def pairs_of(arms: Sequence[Arm], design: Design) -> list[Pair]:
    """Return (arm, reference) for each comparison, from `design.pairs` or in the order of the arms."""
    if design.pairs:
        return [(pair[0], pair[1]) for pair in design.pairs]
    against = design.against
    if climbs(design):
        return [(arm.name, lower.name) for arm in arms if (lower := lower_arm(arm, arms))]
    if isinstance(against, str):
        reference = against or arms[0].name
        return [(arm.name, reference) for arm in arms if arm.name != reference]
    counterparts = ((arm, _counterpart(arm, arms, against)) for arm in arms if not _has(arm, against))
    return [(arm.name, other.name) for arm, other in counterparts if other]


def control_of(arms: Sequence[Arm], pairs: Sequence[Pair]) -> Arm:
    """Return the control: a copy of the reference of the first comparison."""
    reference = next(arm for arm in arms if arm.name == pairs[0][1])
    return Arm(name=CONTROL, settings=reference.settings, control_of=reference.name)


def _counterpart(arm: Arm, arms: Sequence[Arm], against: Level) -> Arm | None:
    """Return the arm that has the level and otherwise the settings of `arm`."""
    wanted = _at(arm, against)
    return next((other for other in arms if other.settings == wanted), None)


def _has(arm: Arm, against: Level) -> bool:
    return arm.settings == _at(arm, against)


def _at(arm: Arm, against: Level) -> Settings:
    return merged([arm.settings.model_dump(), *(setting_table(key, level) for key, level in against.items())])


def _level(arm: Arm, key: str) -> object:
    first, _, knob = key.partition(".")
    value = arm.settings.model_dump()[first]
    return value.get(knob) if knob else value
