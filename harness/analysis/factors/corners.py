"""The structure of a factorial experiment: which comparisons are one comparison at different levels of a factor."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.comparisons import is_control
from harness.analysis.effects import Pair
from harness.model import Experiment, Settings

Levels = Mapping[str, str]  # of an arm: each setting as text
UNSET = "unset"  # a knob that this arm leaves alone


@dataclass(frozen=True, slots=True)
class Factor:
    """A setting that varies, its levels in the order of the arms; `followers` vary only where it does."""

    name: str
    levels: tuple[str, ...]
    followers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Corner:
    """A comparison where `factor` is `at`, and the same where it is at its first level, `base`.

    The arm of either has the compared factor at `level`, the other at `reference`. `where`: what other factors are at.
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

    @property
    def arms(self) -> tuple[str, ...]:
        return (*self.pair, *self.base_pair)


@dataclass(frozen=True, slots=True)
class Table:
    """The arms but for the control, what is compared, and what varies beside it."""

    arms: Mapping[str, Levels]
    compared: str
    factors: Sequence[Factor]


def corners(experiment: Experiment) -> list[Corner]:
    """Factor by factor, in the order of the settings; none where each arm is compared with one named arm.

    Who is alike is seen in the settings alone. The control takes no part.
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
    """What varies beside the `compared` setting. What another setting determines follows it and is no factor."""
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
    """Each setting as text, each knob by its dotted name."""
    values = settings.model_dump(mode="json")
    values |= {f"knobs.{name}": value for name, value in values.pop("knobs").items()}
    return {key: _text(value) for key, value in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and value else json.dumps(value)


def _of(levels: Levels, key: str) -> str:
    return levels.get(key, UNSET)


def _determines(arms: Sequence[Levels], one: str, other: str) -> bool:
    return len({(_of(levels, one), _of(levels, other)) for levels in arms}) == len(
        {_of(levels, one) for levels in arms}
    )


def _leads(arms: Sequence[Levels], varying: Sequence[str], other: str, key: str) -> bool:
    """Whether `key` only follows `other`; of two that determine each other the first leads."""
    if other == key or not _determines(arms, other, key):
        return False
    return not _determines(arms, key, other) or varying.index(other) < varying.index(key)


def _at_first_level(table: Table, factor: Factor, pair: Pair, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """The comparison like `pair`, but where `factor` is at its first level: one, or none."""
    for other in pairs:
        alike = all(_alike(table.arms[one], table.arms[two], factor) for one, two in zip(pair, other, strict=True))
        if alike and other != pair and _of(table.arms[other[0]], factor.name) == factor.levels[0]:
            yield other


def _alike(one: Levels, other: Levels, factor: Factor) -> bool:
    apart = {key for key in one.keys() | other.keys() if _of(one, key) != _of(other, key)}
    return apart <= {factor.name, *factor.followers}


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
