"""Effects of factors in a factorial design: levels, interactions, and two factors at once."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    judge_contrasts,
    pair_contrast,
    pair_terms,
)
from harness.analysis.contrasts.pairs import is_control_pair
from harness.analysis.statistics.series import ArmPair
from harness.model import DESIGN_METRICS, Experiment, Interaction, JointEffect, LevelEffect, Settings

SettingLevels = Mapping[str, str]  # of an arm: each setting as text
UNSET = "unset"  # the level of a knob that an arm does not set


@dataclass(frozen=True, slots=True)
class FactorialCorner:
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
    pair: ArmPair
    base_pair: ArmPair

    @property
    def factors(self) -> dict[str, object]:
        """The fields that each effect of these factors has."""
        names = ("compared", "factor", "at", "base", "where")
        return {name: getattr(self, name) for name in names}


CornerLevel = tuple[FactorialCorner, str]  # with a level of the compared factor
JudgedCorner = tuple[FactorialCorner, str, JudgedContrast]


def factorial_effects(evidence: RunEvidence) -> dict[str, list[JudgedCorner]]:
    """Return interactions, effects of levels and joint effects by their key of a summary.

    Each kind is a family under Holm's correction; a contrast that several corners have is judged once.
    """
    corners = factorial_corners(evidence.experiment)
    at_reference = {(corner.pair[1], corner.base_pair[1]): (corner, corner.reference) for corner in corners}
    at_level = {(corner.pair[0], corner.base_pair[0]): (corner, corner.level) for corner in corners}
    joint = {(corner.pair[0], corner.base_pair[1]): (corner, corner.level) for corner in corners}
    interactions = {(corner.pair, corner.base_pair): corner for corner in corners}
    return {
        "interactions": _judge(
            evidence,
            {
                _interaction(corner, metric): (corner, corner.level)
                for metric in DESIGN_METRICS
                for corner in interactions.values()
            },
        ),
        "levels": _judge(evidence, _pair_contrasts(at_reference | at_level, "level")),
        "both_at_once": _judge(evidence, _pair_contrasts(joint, "both at once")),
    }


def _interaction(corner: FactorialCorner, metric: str) -> Contrast:
    """Return how the comparison differs from that at the first level of the factor."""
    return Contrast(
        kind="interaction",
        arm=corner.pair[0],
        against=corner.pair[1],
        metric=metric,
        terms=(*pair_terms(corner.pair, metric), *pair_terms(corner.base_pair, metric, -1.0)),
        words="agreement",
        label=f"{' against '.join(corner.pair)}, beyond {' against '.join(corner.base_pair)}",
    )


def _pair_contrasts(places: Mapping[ArmPair, CornerLevel], kind: str) -> dict[Contrast, CornerLevel]:
    return {pair_contrast(pair, metric, kind): place for metric in DESIGN_METRICS for pair, place in places.items()}


def _judge(evidence: RunEvidence, places: Mapping[Contrast, CornerLevel]) -> list[JudgedCorner]:
    return [(*places[judged.contrast], judged) for judged in judge_contrasts(evidence, places)]


def interaction_of(judged: JudgedCorner) -> Interaction:
    """Return the interaction as a summary has it."""
    corner, level, effect = judged
    base = {"base_arm": corner.base_pair[0], "base_against": corner.base_pair[1]}
    own = {"level": level, "reference": corner.reference}
    return Interaction.model_validate(effect.fields | base | corner.factors | own)


def level_effect_of(judged: JudgedCorner) -> LevelEffect:
    """Return the effect of a level as a summary has it."""
    corner, level, effect = judged
    return LevelEffect.model_validate(effect.fields | corner.factors | {"level": level})


def joint_effect_of(judged: JudgedCorner) -> JointEffect:
    """Return the effect of both factors at once as a summary has it."""
    corner, level, effect = judged
    alone = {"compared_alone": corner.base_pair[0], "factor_alone": corner.pair[1]}
    own = {"level": level, "reference": corner.reference}
    return JointEffect.model_validate(effect.fields | alone | corner.factors | own)


@dataclass(frozen=True, slots=True)
class Factor:
    """A setting that varies, with its levels in the order of the arms; `followers` vary only with it."""

    name: str
    levels: tuple[str, ...]
    followers: frozenset[str]


@dataclass(frozen=True, slots=True)
class FactorialTable:
    """The levels of all arms except the control, the compared factor, and the other factors."""

    arms: Mapping[str, SettingLevels]
    compared: str
    factors: Sequence[Factor]


def factorial_corners(experiment: Experiment) -> list[FactorialCorner]:
    """Return them factor by factor, in the order of the settings; none if all arms are compared with one named arm.

    Arms are matched by their settings alone, without the control.
    """
    against = experiment.design.against
    if isinstance(against, str):
        return []
    arms = {arm.name: setting_levels(arm.settings) for arm in experiment.arms if arm.control_of is None}
    (compared,) = against
    table = FactorialTable(arms, compared, varying_factors(list(arms.values()), compared))
    pairs = [pair for pair in experiment.pairs if not is_control_pair(experiment, pair)]
    return [
        _corner(table, factor, pair, base_pair)
        for factor in table.factors
        for pair in pairs
        for base_pair in _at_first_level(table, factor, pair, pairs)
    ]


def varying_factors(arms: Sequence[SettingLevels], compared: str) -> list[Factor]:
    """Return the factors besides the `compared` setting. A setting that another one determines is no factor."""
    keys = dict.fromkeys(key for levels in arms for key in levels)
    varying = [key for key in keys if key != compared and len({_level(levels, key) for levels in arms}) > 1]
    leading = [key for key in varying if not any(_leads(arms, varying, other, key) for other in varying)]
    return [
        Factor(
            name=key,
            levels=tuple(dict.fromkeys(_level(levels, key) for levels in arms)),
            followers=frozenset(other for other in varying if other != key and _determines(arms, key, other)),
        )
        for key in leading
    ]


def setting_levels(settings: Settings) -> dict[str, str]:
    """Return each setting as text, and each knob by its dotted name."""
    return {key: _text(value) for key, value in settings.flatten().items()}


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and value else json.dumps(value)


def _level(levels: SettingLevels, key: str) -> str:
    return levels.get(key, UNSET)


def _determines(arms: Sequence[SettingLevels], key: str, other: str) -> bool:
    """Whether the level of `key` determines that of `other`."""
    return len({(_level(levels, key), _level(levels, other)) for levels in arms}) == len(
        {_level(levels, key) for levels in arms}
    )


def _leads(arms: Sequence[SettingLevels], varying: Sequence[str], other: str, key: str) -> bool:
    """Whether `key` follows `other`; of two that determine each other, the first leads."""
    if other == key or not _determines(arms, other, key):
        return False
    return not _determines(arms, key, other) or varying.index(other) < varying.index(key)


def _at_first_level(
    table: FactorialTable, factor: Factor, pair: ArmPair, pairs: Sequence[ArmPair]
) -> Iterator[ArmPair]:
    """Yield the comparison like `pair`, but with `factor` at its first level, if there is any."""
    for other in pairs:
        alike = all(_alike(table.arms[arm], table.arms[like], factor) for arm, like in zip(pair, other, strict=True))
        if alike and other != pair and _level(table.arms[other[0]], factor.name) == factor.levels[0]:
            yield other


def _alike(levels: SettingLevels, others: SettingLevels, factor: Factor) -> bool:
    differing = {key for key in levels.keys() | others.keys() if _level(levels, key) != _level(others, key)}
    return differing <= {factor.name, *factor.followers}


def _corner(table: FactorialTable, factor: Factor, pair: ArmPair, base_pair: ArmPair) -> FactorialCorner:
    arm, against = (table.arms[name] for name in pair)
    return FactorialCorner(
        compared=table.compared,
        level=_level(arm, table.compared),
        reference=_level(against, table.compared),
        factor=factor.name,
        at=_level(arm, factor.name),
        base=factor.levels[0],
        where={other.name: _level(arm, other.name) for other in table.factors if other != factor},
        pair=pair,
        base_pair=base_pair,
    )
