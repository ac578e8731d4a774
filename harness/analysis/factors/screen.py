"""The effects that a screen can estimate, as weights over its arms, and their confounding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.experiment.screens import short_names
from harness.model import Experiment

AVERAGING = ("factorial", "plackett-burman", "resolution-iv")  # in a one-at-a-time screen each effect is a comparison
TINY = 1e-9

Weights = Mapping[str, float]  # by arm, with sum 0
Levels = Mapping[str, Mapping[str, str]]  # arm, factor, level


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a factor from its first level, `base`, to another one, `at`."""

    factor: str
    at: str
    base: str


@dataclass(frozen=True, slots=True)
class Main:
    """The contrast of a change, averaged over the arms with the levels in `where`."""

    change: Change
    where: Mapping[str, str]
    weights: Weights
    mixed_with: tuple[str, ...] = ()
    partly_mixed_with: int = 0


@dataclass(frozen=True, slots=True)
class Both:
    """The contrast of an interaction: the effect of `change` with `other`, less that without it."""

    change: Change
    other: Change
    weights: Weights
    mixed_with: tuple[str, ...] = ()

    def name(self, short: Mapping[str, str]) -> str:
        """Return a name like `a x b` from the short names of the factors."""
        return f"{short[self.change.factor]} x {short[self.other.factor]}"


def averages(experiment: Experiment) -> bool:
    """Whether the experiment is a screen whose effects are averages over arms."""
    return experiment.design.screen in AVERAGING


def mains(experiment: Experiment) -> list[Main]:
    """Return the main effects factor by factor, at each level of the compared factor if there is one."""
    if not averages(experiment):
        return []
    levels, compared = experiment.levels, compared_factor(experiment)
    changes = [change for change in changes_of(levels) if change.factor != compared]
    short = short_names(_factors(levels))
    effects: list[Main] = []
    for where in _places(levels, compared):
        arms = {arm: at for arm, at in levels.items() if where.items() <= at.items()}
        pairs = [_both(arms, *pair) for pair in _pairs(changes)]
        for change in changes:
            weights = _main_weights(arms, change)
            fully, partly = _mixed(weights, [] if _is_whole(experiment) else pairs)
            effects.append(
                Main(change, where, weights, tuple(interaction.name(short) for interaction in fully), len(partly))
            )
    return effects


def boths(experiment: Experiment) -> list[Both]:
    """Return the two-factor interactions that the design resolves; of fully confounded ones only the first.

    Interactions with the compared factor are always resolved, because every run is made at all of its levels.
    """
    if not averages(experiment):
        return []
    levels, compared = experiment.levels, compared_factor(experiment)
    changes = changes_of(levels)
    with_compared = [
        _both(levels, change, other) for change, other in _pairs(changes) if compared in (change.factor, other.factor)
    ]
    others = [_both(levels, *pair) for pair in _pairs([change for change in changes if change.factor != compared])]
    if _is_whole(experiment):
        return [*with_compared, *others]
    singles = [_main_weights(levels, change) for change in changes]
    return [*with_compared, *_resolved(others, singles, short_names(_factors(levels)))]


def compared_factor(experiment: Experiment) -> str:
    """Return the factor that `against` compares, or ""."""
    against = experiment.design.against
    return "" if isinstance(against, str) else next(iter(against.keys() & set(_factors(experiment.levels))), "")


def changes_of(levels: Levels) -> list[Change]:
    """Return the changes to each level of each factor except the first."""
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
    """Whether every combination is an arm, so that nothing is confounded."""
    return experiment.design.screen == "factorial"


def _places(levels: Levels, compared: str) -> list[dict[str, str]]:
    if not compared:
        return [{}]
    return [{compared: level} for level in dict.fromkeys(of[compared] for of in levels.values())]


def _pairs(changes: Sequence[Change]) -> Iterator[tuple[Change, Change]]:
    return ((change, other) for change, other in combinations(changes, 2) if change.factor != other.factor)


def _main_weights(levels: Levels, change: Change) -> Weights:
    """Return the weights of the mean over arms at the level, less that over arms at the first level."""
    at, base = (_cell(levels, {change.factor: level}) for level in (change.at, change.base))
    return _sum({arm: 1 / len(at) for arm in at}, {arm: -1 / len(base) for arm in base})


def _both(levels: Levels, change: Change, other: Change) -> Both:
    """Return the interaction as a difference of two differences of means."""
    weights: Weights = {}
    for other_level, sign in ((other.at, 1), (other.base, -1)):
        inside = _cell(levels, {other.factor: other_level})
        of_change = _main_weights({arm: levels[arm] for arm in inside}, change)
        weights = _sum(weights, {arm: sign * weight for arm, weight in of_change.items()})
    return Both(change, other, weights)


def _cell(levels: Levels, where: Mapping[str, str]) -> list[str]:
    return [arm for arm, of in levels.items() if where.items() <= of.items()]


def _sum(weights: Weights, other: Weights) -> Weights:
    return {
        arm: weights.get(arm, 0) + other.get(arm, 0)
        for arm in [*weights, *(arm for arm in other if arm not in weights)]
    }


def _mixed(weights: Weights, others: Sequence[Both]) -> tuple[list[Both], list[Both]]:
    """Return (the same contrasts up to sign and scale, the contrasts that are correlated with it)."""
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
    """Yield those that are not confounded with a main effect, nor partly with another interaction."""
    listed: set[str] = set()
    for interaction in family:
        has_main_effect = any(any(_mixed(single, [interaction])) for single in singles)
        fully, partly = _mixed(interaction.weights, [other for other in family if other is not interaction])
        name = interaction.name(short)
        if not has_main_effect and not partly and name not in listed:
            names = tuple(other.name(short) for other in fully)
            listed |= {name, *names}
            yield Both(interaction.change, interaction.other, interaction.weights, names)
