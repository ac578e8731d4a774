"""Main effects and two-factor interactions of a screening design, averaged over all other factors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    WeightedSum,
    Weights,
    judge_contrasts,
)
from harness.analysis.statistics.verdict import benjamini_hochberg
from harness.experiment.cost import is_capacity_search
from harness.experiment.designs import short_names
from harness.model import DESIGN_METRICS, METRICS, Experiment, FactorInteraction, MainEffect
from harness.model.metrics import SEARCH_METRICS


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A change of a factor from its first level, `base`, to another one, `at`."""

    factor: str
    at: str
    base: str


@dataclass(frozen=True, slots=True)
class ScreenInteraction:
    """The contrast of an interaction: the effect of `change` with `other`, less that without it."""

    change: LevelChange
    other: LevelChange
    weights: Weights
    mixed_with: tuple[str, ...] = ()

    def name(self, short: Mapping[str, str]) -> str:
        """Return a name like `a x b` from the short names of the factors."""
        return f"{short[self.change.factor]} x {short[self.other.factor]}"

    def label(self, short: Mapping[str, str]) -> str:
        """Return a text like `a=1 against a=0, at b=1 beyond b=0`."""
        other = short[self.other.factor]
        return f"{_change_text(self.change, short)}, at {other}={self.other.at} beyond {other}={self.other.base}"


@dataclass(frozen=True, slots=True)
class ScreenMainEffect:
    """The contrast of a change, averaged over the arms with the levels in `where`."""

    change: LevelChange
    where: Mapping[str, str]
    weights: Weights
    mixed_with: tuple[str, ...] = ()
    partly_mixed_with: int = 0

    def label(self, short: Mapping[str, str]) -> str:
        """Return a text like `a=1 against a=0, transport=tcp`."""
        return ", ".join([_change_text(self.change, short), *(f"{key}={level}" for key, level in self.where.items())])


def _change_text(change: LevelChange, short: Mapping[str, str]) -> str:
    name = short[change.factor]
    return f"{name}={change.at} against {name}={change.base}"


ScreenEffect = TypeVar("ScreenEffect", ScreenMainEffect, ScreenInteraction)

# In a one-at-a-time screen each effect is a comparison.
AVERAGING_SCREENS = ("factorial", "plackett-burman", "resolution-iv")
SHARE_TOLERANCE = 1e-9
ArmLevels = Mapping[str, Mapping[str, str]]  # arm, factor, level


def judge_main_effects(evidence: RunEvidence) -> list[tuple[ScreenMainEffect, JudgedContrast]]:
    """Return the main effects of an averaging screen, each metric under Benjamini and Hochberg's correction."""
    return _judge(evidence, "main effect", screen_main_effects(evidence.experiment))


def judge_screen_interactions(evidence: RunEvidence) -> list[tuple[ScreenInteraction, JudgedContrast]]:
    """Return the interactions that the design resolves, each metric under Benjamini and Hochberg's correction."""
    return _judge(evidence, "factor interaction", screen_interactions(evidence.experiment), "agreement")


def main_effect_of(effect: ScreenMainEffect, judged: JudgedContrast) -> MainEffect:
    """Return the main effect as a summary has it."""
    confounding = {"mixed_with": effect.mixed_with, "partly_mixed_with": effect.partly_mixed_with}
    return MainEffect.model_validate(judged.fields | asdict(effect.change) | {"where": effect.where} | confounding)


def factor_interaction_of(effect: ScreenInteraction, judged: JudgedContrast) -> FactorInteraction:
    """Return the interaction as a summary has it."""
    other = {"other": effect.other.factor, "other_at": effect.other.at, "other_base": effect.other.base}
    return FactorInteraction.model_validate(
        judged.fields | asdict(effect.change) | other | {"mixed_with": effect.mixed_with}
    )


def _judge(
    evidence: RunEvidence, kind: str, effects: Sequence[ScreenEffect], words: str = ""
) -> list[tuple[ScreenEffect, JudgedContrast]]:
    short = short_names(list(dict.fromkeys(effect.change.factor for effect in effects)))
    all_short = short_names(_factors(evidence.experiment.levels))
    metrics = SEARCH_METRICS if is_capacity_search(evidence.experiment) else DESIGN_METRICS
    effect_of = {
        Contrast(
            kind=kind,
            arm=f"{short[effect.change.factor]}={effect.change.at}",
            against=f"{short[effect.change.factor]}={effect.change.base}",
            metric=metric,
            terms=(WeightedSum(METRICS[metric], effect.weights),),
            words=words,
            label=effect.label(all_short),
        ): effect
        for metric in metrics
        for effect in effects
    }
    judged = judge_contrasts(evidence, effect_of, correction=benjamini_hochberg)
    return [(effect_of[effect.contrast], effect) for effect in judged]


def is_averaging_screen(experiment: Experiment) -> bool:
    """Whether the experiment is a screen whose effects are averages over arms."""
    return experiment.design.screen in AVERAGING_SCREENS


def screen_main_effects(experiment: Experiment) -> list[ScreenMainEffect]:
    """Return the main effects factor by factor, at each level of the compared factor if there is one."""
    if not is_averaging_screen(experiment):
        return []
    levels, compared = experiment.levels, compared_factor(experiment)
    changes = [change for change in level_changes(levels) if change.factor != compared]
    short = short_names(_factors(levels))
    effects: list[ScreenMainEffect] = []
    for where in _compared_levels(levels, compared):
        arms = {arm: at for arm, at in levels.items() if where.items() <= at.items()}
        pairs = [_interaction(arms, *pair) for pair in _change_pairs(changes)]
        for change in changes:
            weights = _main_weights(arms, change)
            fully, partly = _confounded(weights, [] if _is_full_factorial(experiment) else pairs)
            effects.append(
                ScreenMainEffect(
                    change, where, weights, tuple(interaction.name(short) for interaction in fully), len(partly)
                )
            )
    return effects


def screen_interactions(experiment: Experiment) -> list[ScreenInteraction]:
    """Return the two-factor interactions that the design resolves; of fully confounded ones only the first.

    Interactions with the compared factor are always resolved, because every run is made at all of its levels.
    """
    if not is_averaging_screen(experiment):
        return []
    levels, compared = experiment.levels, compared_factor(experiment)
    changes = level_changes(levels)
    with_compared = [
        _interaction(levels, change, other)
        for change, other in _change_pairs(changes)
        if compared in (change.factor, other.factor)
    ]
    others = [
        _interaction(levels, *pair)
        for pair in _change_pairs([change for change in changes if change.factor != compared])
    ]
    if _is_full_factorial(experiment):
        return [*with_compared, *others]
    singles = [_main_weights(levels, change) for change in changes]
    return [*with_compared, *_resolvable(others, singles, short_names(_factors(levels)))]


def compared_factor(experiment: Experiment) -> str:
    """Return the factor that `against` compares, or ""."""
    against = experiment.design.against
    return "" if isinstance(against, str) else next(iter(against.keys() & set(_factors(experiment.levels))), "")


def level_changes(levels: ArmLevels) -> list[LevelChange]:
    """Return the changes to each level of each factor except the first."""
    first = next(iter(levels.values()))
    return [
        LevelChange(factor, at, base)
        for factor, base in first.items()
        for at in dict.fromkeys(of[factor] for of in levels.values())
        if at != base
    ]


def _factors(levels: ArmLevels) -> list[str]:
    return list(next(iter(levels.values()), {}))


def _is_full_factorial(experiment: Experiment) -> bool:
    """Whether every combination is an arm, so that nothing is confounded."""
    return experiment.design.screen == "factorial"


def _compared_levels(levels: ArmLevels, compared: str) -> list[dict[str, str]]:
    if not compared:
        return [{}]
    return [{compared: level} for level in dict.fromkeys(of[compared] for of in levels.values())]


def _change_pairs(changes: Sequence[LevelChange]) -> Iterator[tuple[LevelChange, LevelChange]]:
    return ((change, other) for change, other in combinations(changes, 2) if change.factor != other.factor)


def _main_weights(levels: ArmLevels, change: LevelChange) -> Weights:
    """Return the weights of the mean over arms at the level, less that over arms at the first level."""
    at, base = (_arms_at(levels, {change.factor: level}) for level in (change.at, change.base))
    return _add_weights({arm: 1 / len(at) for arm in at}, {arm: -1 / len(base) for arm in base})


def _interaction(levels: ArmLevels, change: LevelChange, other: LevelChange) -> ScreenInteraction:
    """Return the interaction as a difference of two differences of means."""
    weights: Weights = {}
    for other_level, sign in ((other.at, 1), (other.base, -1)):
        inside = _arms_at(levels, {other.factor: other_level})
        of_change = _main_weights({arm: levels[arm] for arm in inside}, change)
        weights = _add_weights(weights, {arm: sign * weight for arm, weight in of_change.items()})
    return ScreenInteraction(change, other, weights)


def _arms_at(levels: ArmLevels, where: Mapping[str, str]) -> list[str]:
    return [arm for arm, of in levels.items() if where.items() <= of.items()]


def _add_weights(weights: Weights, other: Weights) -> Weights:
    return {
        arm: weights.get(arm, 0) + other.get(arm, 0)
        for arm in [*weights, *(arm for arm in other if arm not in weights)]
    }


def _confounded(
    weights: Weights, others: Sequence[ScreenInteraction]
) -> tuple[list[ScreenInteraction], list[ScreenInteraction]]:
    """Return (the same contrasts up to sign and scale, the contrasts that are correlated with it)."""
    arms = list(weights)
    own = _direction(weights, arms)
    shares = [abs(float(own @ _direction(other.weights, arms))) for other in others]
    correlated = [(other, share) for other, share in zip(others, shares, strict=True) if share > SHARE_TOLERANCE]
    fully = [other for other, share in correlated if share > 1 - SHARE_TOLERANCE]
    return fully, [other for other, share in correlated if share <= 1 - SHARE_TOLERANCE]


def _direction(weights: Weights, arms: Sequence[str]) -> NDArray[np.float64]:
    values = np.array([weights.get(arm, 0.0) for arm in arms])
    return np.asarray(values / np.linalg.norm(values))


def _resolvable(
    family: Sequence[ScreenInteraction], singles: Sequence[Weights], short: Mapping[str, str]
) -> Iterator[ScreenInteraction]:
    """Yield those that are not confounded with a main effect, nor partly with another interaction."""
    listed: set[str] = set()
    for interaction in family:
        has_main_effect = any(any(_confounded(single, [interaction])) for single in singles)
        fully, partly = _confounded(interaction.weights, [other for other in family if other is not interaction])
        name = interaction.name(short)
        if not has_main_effect and not partly and name not in listed:
            names = tuple(other.name(short) for other in fully)
            listed |= {name, *names}
            yield ScreenInteraction(interaction.change, interaction.other, interaction.weights, names)
