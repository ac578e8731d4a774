"""Effects of a factorial design, session by session: interactions, level effects, joint effects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from harness.analysis.bursts import Series, SessionData, over_rounds
from harness.analysis.effects import Effects, Pair, effects
from harness.analysis.factors.corners import Corner
from harness.analysis.failures import failure_excuse, failures
from harness.analysis.judged import judged
from harness.analysis.looks import error_rate_of
from harness.model import Agreement, BothAtOnce, Experiment, Interaction, LevelEffect, Metric, Verdict

METRICS: tuple[Metric, ...] = ("latency", "cpu")
AGREEMENT: Mapping[Verdict | None, Agreement | None] = {
    "equivalent": "agree",
    "faster": "differ",
    "slower": "differ",
    "undecided": "undecided",
    None: None,
}

Sessions = Mapping[int, Mapping[str, Series]]  # by session number, results of `over_rounds`
Contrast = tuple[Pair, Pair | None]  # an effect, and the one that is subtracted from it
Judge = Callable[[Iterable[Contrast]], Iterable[tuple[Contrast, Metric, dict[str, Any]]]]


def judge_of(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()) -> Judge:
    """Return a judge of families of contrasts, each under Holm's correction, by the margin of the experiment."""
    series = {
        metric: {session.record.session: over_rounds(session.record, metric) for session in sessions}
        for metric in METRICS
    }
    failed = failures(session.record for session in sessions)

    def judge(family: Iterable[Contrast]) -> Iterable[tuple[Contrast, Metric, dict[str, Any]]]:
        contrasts = list(dict.fromkeys(family))
        for metric in METRICS:
            values = {key: contrast(series[metric], key, metric) for key in contrasts}
            fields_by_contrast = judged(
                values, experiment.design.equivalence_percent, error_rate_of(looks), partial(_excuse, failed=failed)
            )
            yield from (
                (key, metric, {"arm": key[0][0], "against": key[0][1], "metric": metric, **fields})
                for key, fields in fields_by_contrast.items()
                if metric != "cpu" or values[key].log_ratio.size
            )

    return judge


def contrast(sessions: Sessions, pairs: Contrast, metric: Metric) -> Effects:
    """Return the effect of a pair, or the difference of the effects of two pairs, for each session that has them."""
    pair, base = pairs
    values_by_session = by_session(sessions, pair, metric)
    if base is not None:
        base_values = by_session(sessions, base, metric)
        values_by_session = {
            number: values_by_session[number] - base_values[number]
            for number in values_by_session
            if number in base_values
        }
    values = np.array(list(values_by_session.values())).reshape(-1, 2)
    return Effects(log_ratio=values[:, 0], difference_us=values[:, 1])


def interactions(corners: Sequence[Corner], judge: Judge) -> tuple[Interaction, ...]:
    """Return how each comparison differs from that at the first level of the factor."""
    corner_of: dict[Contrast, Corner] = {(corner.pair, corner.base_pair): corner for corner in corners}
    return tuple(
        Interaction(
            **{**fields, "verdict": AGREEMENT[fields["verdict"]]},
            base_arm=corner.base_pair[0],
            base_against=corner.base_pair[1],
            **_place(corner, "compared", "level", "reference", "factor", "at", "base", "where"),
        )
        for contrast, _, fields in judge(corner_of)
        for corner in [corner_of[contrast]]
    )


def level_effects(corners: Sequence[Corner], judge: Judge) -> tuple[LevelEffect, ...]:
    """Return each level of the factor against its first one, at the reference and levels of the compared factor."""
    at_reference = {_pairs(corner.pair[1], corner.base_pair[1]): (corner, corner.reference) for corner in corners}
    at_levels = {_pairs(corner.pair[0], corner.base_pair[0]): (corner, corner.level) for corner in corners}
    place_of = at_reference | at_levels
    return tuple(
        LevelEffect(**fields, level=level, **_place(corner, "compared", "factor", "at", "base", "where"))
        for contrast, _, fields in judge(place_of)
        for corner, level in [place_of[contrast]]
    )


def both_at_once(corners: Sequence[Corner], judge: Judge) -> tuple[BothAtOnce, ...]:
    """Return the effects of changing both factors at once."""
    corner_of = {_pairs(corner.pair[0], corner.base_pair[1]): corner for corner in corners}
    return tuple(
        BothAtOnce(
            **fields,
            compared_alone=corner.base_pair[0],
            factor_alone=corner.pair[1],
            **_place(corner, "compared", "level", "reference", "factor", "at", "base", "where"),
        )
        for contrast, _, fields in judge(corner_of)
        for corner in [corner_of[contrast]]
    )


def by_session(sessions: Sessions, pair: Pair, metric: Metric) -> dict[int, Series]:
    """Return (log ratio, difference in us) for each session that has the pair."""
    effects_by_session = {number: effects([series], pair, metric) for number, series in sessions.items()}
    return {
        number: np.array([effect.log_ratio[0], effect.difference_us[0]])
        for number, effect in effects_by_session.items()
        if effect.log_ratio.size
    }


def _excuse(contrast: Contrast, failed: Mapping[str, Mapping[str, int]]) -> str:
    return failure_excuse((arm for pair in contrast if pair for arm in pair), failed)


def _pairs(arm: str, against: str) -> Contrast:
    return ((arm, against), None)


def _place(corner: Corner, *keys: str) -> dict[str, Any]:
    return {key: getattr(corner, key) for key in keys}
