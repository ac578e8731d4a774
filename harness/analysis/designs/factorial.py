"""Effects of factors in a factorial design: levels, interactions, and two factors at once."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.analysis.comparisons import count_failures, failure_reason, is_control_pair
from harness.analysis.statistics.group_sequential import error_rate_of
from harness.analysis.statistics.inference import judge_family
from harness.analysis.statistics.series import ArmPair, Series, SessionData, SessionValues, pair_values, round_times_us
from harness.model import (
    DESIGN_METRICS,
    METRICS,
    Agreement,
    Experiment,
    Interaction,
    JointEffect,
    JudgedEffect,
    LevelEffect,
    Settings,
    Verdict,
)

AGREEMENT_BY_VERDICT: Mapping[Verdict | None, Agreement | None] = {
    "equivalent": "agree",
    "faster": "differ",
    "slower": "differ",
    "undecided": "undecided",
    None: None,
}

SeriesBySession = Mapping[int, Mapping[str, Series]]  # by session number, results of `round_times_us`
PairContrast = tuple[ArmPair, ArmPair | None]  # an effect, and the one that is subtracted from it
ContrastJudge = Callable[[Iterable[PairContrast]], Iterable[tuple[PairContrast, JudgedEffect]]]
SettingLevels = Mapping[str, str]  # of an arm: each setting as text
UNSET = "unset"  # the level of a knob that an arm does not set


def contrast_judge(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()) -> ContrastJudge:
    """Return a judge of families of contrasts, each under Holm's correction, by the margin of the experiment."""
    series = {
        metric: {session.record.session: round_times_us(session.record, metric) for session in sessions}
        for metric in DESIGN_METRICS
    }
    failed = count_failures(session.record for session in sessions)

    def judge(family: Iterable[PairContrast]) -> Iterable[tuple[PairContrast, JudgedEffect]]:
        contrasts = list(dict.fromkeys(family))
        for metric in DESIGN_METRICS:
            values = {key: pair_contrast(series[metric], key, metric) for key in contrasts}
            judgements = judge_family(
                values, experiment.design.equivalence_percent, error_rate_of(looks), partial(_excuse, failed=failed)
            )
            yield from (
                (key, JudgedEffect(arm=key[0][0], against=key[0][1], metric=metric, **dict(judgement)))
                for key, judgement in judgements.items()
                if not METRICS[metric].is_optional or values[key].log_ratio.size
            )

    return judge


def pair_contrast(sessions: SeriesBySession, pairs: PairContrast, metric: str) -> SessionValues:
    """Return the effect of a pair, or the difference of the effects of two pairs, for each session that has them."""
    pair, base = pairs
    values_by_session = pair_by_session(sessions, pair, metric)
    if base is not None:
        base_values = pair_by_session(sessions, base, metric)
        values_by_session = {
            number: values_by_session[number] - base_values[number]
            for number in values_by_session
            if number in base_values
        }
    values = np.array(list(values_by_session.values())).reshape(-1, 2)
    return SessionValues(log_ratio=values[:, 0], difference_us=values[:, 1])


@dataclass(frozen=True, slots=True)
class FactorialInteraction:
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


def interactions(corners: Sequence[FactorialInteraction], judge: ContrastJudge) -> tuple[Interaction, ...]:
    """Return how each comparison differs from that at the first level of the factor."""
    corner_of: dict[PairContrast, FactorialInteraction] = {
        (corner.pair, corner.base_pair): corner for corner in corners
    }
    return tuple(
        Interaction(
            **dict(effect) | {"verdict": AGREEMENT_BY_VERDICT[effect.verdict]},
            base_arm=corner.base_pair[0],
            base_against=corner.base_pair[1],
            **_interaction_fields(corner, "compared", "level", "reference", "factor", "at", "base", "where"),
        )
        for contrast, effect in judge(corner_of)
        for corner in [corner_of[contrast]]
    )


def level_effects(corners: Sequence[FactorialInteraction], judge: ContrastJudge) -> tuple[LevelEffect, ...]:
    """Return each level of the factor against its first one, at the reference and levels of the compared factor."""
    at_reference = {_plain_pair(corner.pair[1], corner.base_pair[1]): (corner, corner.reference) for corner in corners}
    at_levels = {_plain_pair(corner.pair[0], corner.base_pair[0]): (corner, corner.level) for corner in corners}
    place_of = at_reference | at_levels
    return tuple(
        LevelEffect(
            **dict(effect), level=level, **_interaction_fields(corner, "compared", "factor", "at", "base", "where")
        )
        for contrast, effect in judge(place_of)
        for corner, level in [place_of[contrast]]
    )


def joint_effects(corners: Sequence[FactorialInteraction], judge: ContrastJudge) -> tuple[JointEffect, ...]:
    """Return the effects of changing both factors at once."""
    corner_of = {_plain_pair(corner.pair[0], corner.base_pair[1]): corner for corner in corners}
    return tuple(
        JointEffect(
            **dict(effect),
            compared_alone=corner.base_pair[0],
            factor_alone=corner.pair[1],
            **_interaction_fields(corner, "compared", "level", "reference", "factor", "at", "base", "where"),
        )
        for contrast, effect in judge(corner_of)
        for corner in [corner_of[contrast]]
    )


def pair_by_session(sessions: SeriesBySession, pair: ArmPair, metric: str) -> dict[int, Series]:
    """Return (log ratio, difference in us) for each session that has the pair."""
    effects_by_session = {number: pair_values([series], pair, metric) for number, series in sessions.items()}
    return {
        number: np.array([effect.log_ratio[0], effect.difference_us[0]])
        for number, effect in effects_by_session.items()
        if effect.log_ratio.size
    }


def _excuse(contrast: PairContrast, failed: Mapping[str, Mapping[str, int]]) -> str:
    return failure_reason((arm for pair in contrast if pair for arm in pair), failed)


def _plain_pair(arm: str, against: str) -> PairContrast:
    return ((arm, against), None)


def _interaction_fields(corner: FactorialInteraction, *keys: str) -> dict[str, Any]:
    return {key: getattr(corner, key) for key in keys}


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


def factorial_interactions(experiment: Experiment) -> list[FactorialInteraction]:
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
        _interaction(table, factor, pair, base_pair)
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


def _interaction(table: FactorialTable, factor: Factor, pair: ArmPair, base_pair: ArmPair) -> FactorialInteraction:
    arm, against = (table.arms[name] for name in pair)
    return FactorialInteraction(
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
