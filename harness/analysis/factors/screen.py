"""The effects that a screen can tell, as weights over its arms, and which of them its design mixes with each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.experiment.screens import short_names
from harness.model import Experiment

AVERAGING = ("factorial", "plackett-burman", "resolution-iv")  # one at a time, each effect is a comparison
TINY = 1e-9

Weights = Mapping[str, float]  # by arm, with sum 0
Levels = Mapping[str, Mapping[str, str]]  # arm, factor, level


@dataclass(frozen=True, slots=True)
class Change:
    """A factor from its first level to another one."""

    factor: str
    at: str
    base: str


@dataclass(frozen=True, slots=True)
class Main:
    """A change on average over the arms that are as `where` says."""

    change: Change
    where: Mapping[str, str]
    weights: Weights
    mixed_with: tuple[str, ...] = ()
    partly_mixed_with: int = 0


@dataclass(frozen=True, slots=True)
class Both:
    """How much the effect of `change` differs with `other` made from that without it."""

    change: Change
    other: Change
    weights: Weights
    mixed_with: tuple[str, ...] = ()

    def name(self, short: Mapping[str, str]) -> str:
        return f"{short[self.change.factor]} x {short[self.other.factor]}"


def averages(experiment: Experiment) -> bool:
    return experiment.design.screen in AVERAGING


def mains(experiment: Experiment) -> list[Main]:
    """Factor by factor; where one is compared, at each of its levels."""
    if not averages(experiment):
        return []
    levels, compared = experiment.levels, compared_factor(experiment)
    changes = [change for change in changes_of(levels) if change.factor != compared]
    short = short_names(_factors(levels))
    found: list[Main] = []
    for where in _places(levels, compared):
        arms = {arm: at for arm, at in levels.items() if where.items() <= at.items()}
        pairs = [_both(arms, *pair) for pair in _pairs(changes)]
        for change in changes:
            weights = _main_weights(arms, change)
            fully, partly = _mixed(weights, [] if _is_whole(experiment) else pairs)
            found.append(Main(change, where, weights, tuple(one.name(short) for one in fully), len(partly)))
    return found


def boths(experiment: Experiment) -> list[Both]:
    """Those of two factors that the design resolves: what is mixed with a whole other one is told once, with it.

    What a factor does to the compared one is always resolved, because every run is made at all levels of that.
    """
    if not averages(experiment):
        return []
    levels, compared = experiment.levels, compared_factor(experiment)
    changes = changes_of(levels)
    with_compared = [
        _both(levels, one, other) for one, other in _pairs(changes) if compared in (one.factor, other.factor)
    ]
    others = [_both(levels, *pair) for pair in _pairs([change for change in changes if change.factor != compared])]
    if _is_whole(experiment):
        return [*with_compared, *others]
    singles = [_main_weights(levels, change) for change in changes]
    return [*with_compared, *_resolved(others, singles, short_names(_factors(levels)))]


def compared_factor(experiment: Experiment) -> str:
    """The one that `against` compares, or ""."""
    against = experiment.design.against
    return "" if isinstance(against, str) else next(iter(against.keys() & set(_factors(experiment.levels))), "")


def changes_of(levels: Levels) -> list[Change]:
    """Each level of each factor beside its first one."""
    first = next(iter(levels.values()))
    return [
        Change(factor, at, base)
        for factor, base in first.items()
        for at in dict.fromkeys(of[factor] for of in levels.values())
        if at != base
    ]


def _factors(levels: Levels) -> list[str]:
    return list(next(iter(levels.values()), {}))


def _is_whole(experiment: Experiment) -> bool:
    """Whether every combination is an arm, so that nothing is mixed."""
    return experiment.design.screen == "factorial"


def _places(levels: Levels, compared: str) -> list[dict[str, str]]:
    if not compared:
        return [{}]
    return [{compared: level} for level in dict.fromkeys(of[compared] for of in levels.values())]


def _pairs(changes: Sequence[Change]) -> Iterator[tuple[Change, Change]]:
    return ((one, other) for one, other in combinations(changes, 2) if one.factor != other.factor)


def _main_weights(levels: Levels, change: Change) -> Weights:
    """The mean over arms at the level, less that over arms at the first one."""
    at, base = (_cell(levels, {change.factor: level}) for level in (change.at, change.base))
    return _sum({arm: 1 / len(at) for arm in at}, {arm: -1 / len(base) for arm in base})


def _both(levels: Levels, change: Change, other: Change) -> Both:
    """The difference of two differences of means."""
    weights: Weights = {}
    for other_level, sign in ((other.at, 1), (other.base, -1)):
        inside = _cell(levels, {other.factor: other_level})
        of_change = _main_weights({arm: levels[arm] for arm in inside}, change)
        weights = _sum(weights, {arm: sign * weight for arm, weight in of_change.items()})
    return Both(change, other, weights)


def _cell(levels: Levels, where: Mapping[str, str]) -> list[str]:
    return [arm for arm, of in levels.items() if where.items() <= of.items()]


def _sum(one: Weights, other: Weights) -> Weights:
    return {arm: one.get(arm, 0) + other.get(arm, 0) for arm in [*one, *(arm for arm in other if arm not in one)]}


def _mixed(weights: Weights, others: Sequence[Both]) -> tuple[list[Both], list[Both]]:
    """(those that are the same contrast but for sign and scale, those that contain a part of it)."""
    arms = list(weights)
    own = _direction(weights, arms)
    shares = [abs(float(own @ _direction(other.weights, arms))) for other in others]
    fully = [other for other, share in zip(others, shares, strict=True) if share > 1 - TINY]
    partly = [other for other, share in zip(others, shares, strict=True) if TINY < share <= 1 - TINY]
    return fully, partly


def _direction(weights: Weights, arms: Sequence[str]) -> NDArray[np.float64]:
    values = np.array([weights.get(arm, 0.0) for arm in arms])
    return np.asarray(values / np.linalg.norm(values))


def _resolved(family: Sequence[Both], singles: Sequence[Weights], short: Mapping[str, str]) -> Iterator[Both]:
    """Those without a part of a single factor's effect, nor a mere part of another of the family."""
    told: set[str] = set()
    for one in family:
        of_singles = any(any(_mixed(single, [one])) for single in singles)
        fully, partly = _mixed(one.weights, [other for other in family if other is not one])
        name = one.name(short)
        if not of_singles and not partly and name not in told:
            names = tuple(other.name(short) for other in fully)
            told |= {name, *names}
            yield Both(one.change, one.other, one.weights, names)
