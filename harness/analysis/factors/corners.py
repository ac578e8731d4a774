"""The structure of a factorial experiment: factors, levels, and the comparisons that repeat at another level."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.comparisons import is_control
from harness.analysis.effects import Pair
from harness.model import Experiment, Settings

Levels = Mapping[str, str]  # of an arm: each setting as text
UNSET = "unset"  # the level of a knob that an arm does not set


@dataclass(frozen=True, slots=True)
class Factor:
    """A setting that varies, with its levels in the order of the arms; `followers` vary only with it."""

    name: str
    levels: tuple[str, ...]
    followers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Corner:
    """A comparison with `factor` at `at` (`pair`), and the same with it at its first level, `base` (`base_pair`).

    Both compare `level` of the compared factor with `reference`. `where` has the levels of all other factors.
    """

    compared: str
    level: str
    reference: str
    factor: str
    at: str
    base: str
    where: dict[str, str]
    pair: Pair
    base_pair: Pair


@dataclass(frozen=True, slots=True)
class Table:
    """The levels of all arms except the control, the compared factor, and the other factors."""

    arms: Mapping[str, Levels]
    compared: str
    factors: Sequence[Factor]


def corners(experiment: Experiment) -> list[Corner]:
    """Return them factor by factor, in the order of the settings; none if all arms are compared with one named arm.

    Arms are matched by their settings alone, without the control.
    """
    against = experiment.design.against
    if isinstance(against, str):
        return []
    arms = {arm.name: levels_of(arm.settings) for arm in experiment.arms if arm.control_of is None}
    (compared,) = against
    table = Table(arms, compared, factors_of(list(arms.values()), compared))
    pairs = [pair for pair in experiment.pairs if not is_control(experiment, pair)]
    return [
        _corner(table, factor, pair, base_pair)
        for factor in table.factors
        for pair in pairs
        for base_pair in _at_first_level(table, factor, pair, pairs)
    ]


def factors_of(arms: Sequence[Levels], compared: str) -> list[Factor]:
    """Return the factors besides the `compared` setting. A setting that another one determines is no factor."""
    keys = dict.fromkeys(key for levels in arms for key in levels)
    varying = [key for key in keys if key != compared and len({_of(levels, key) for levels in arms}) > 1]
    leading = [key for key in varying if not any(_leads(arms, varying, other, key) for other in varying)]
    return [
        Factor(
            name=key,
            levels=tuple(dict.fromkeys(_of(levels, key) for levels in arms)),
            followers=frozenset(other for other in varying if other != key and _determines(arms, key, other)),
        )
        for key in leading
    ]


def levels_of(settings: Settings) -> dict[str, str]:
    """Return each setting as text, and each knob by its dotted name."""
    values = settings.model_dump(mode="json")
    values |= {f"knobs.{name}": value for name, value in values.pop("knobs").items()}
    return {key: _text(value) for key, value in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and value else json.dumps(value)


def _of(levels: Levels, key: str) -> str:
    return levels.get(key, UNSET)


def _determines(arms: Sequence[Levels], key: str, other: str) -> bool:
    """Whether the level of `key` determines that of `other`."""
    return len({(_of(levels, key), _of(levels, other)) for levels in arms}) == len(
        {_of(levels, key) for levels in arms}
    )


def _leads(arms: Sequence[Levels], varying: Sequence[str], other: str, key: str) -> bool:
    """Whether `key` follows `other`; of two that determine each other, the first leads."""
    if other == key or not _determines(arms, other, key):
        return False
    return not _determines(arms, key, other) or varying.index(other) < varying.index(key)


def _at_first_level(table: Table, factor: Factor, pair: Pair, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Yield the comparison like `pair`, but with `factor` at its first level, if there is any."""
    for other in pairs:
        alike = all(_alike(table.arms[arm], table.arms[like], factor) for arm, like in zip(pair, other, strict=True))
        if alike and other != pair and _of(table.arms[other[0]], factor.name) == factor.levels[0]:
            yield other


def _alike(levels: Levels, others: Levels, factor: Factor) -> bool:
    differing = {key for key in levels.keys() | others.keys() if _of(levels, key) != _of(others, key)}
    return differing <= {factor.name, *factor.followers}


def _corner(table: Table, factor: Factor, pair: Pair, base_pair: Pair) -> Corner:
    arm, against = (table.arms[name] for name in pair)
    return Corner(
        compared=table.compared,
        level=_of(arm, table.compared),
        reference=_of(against, table.compared),
        factor=factor.name,
        at=_of(arm, factor.name),
        base=factor.levels[0],
        where={other.name: _of(arm, other.name) for other in table.factors if other != factor},
        pair=pair,
        base_pair=base_pair,
    )
