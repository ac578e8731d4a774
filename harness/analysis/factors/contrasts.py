"""Interactions, effects of the other factor, and both at once, session by session, each family under Holm."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

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

Sessions = Mapping[int, Mapping[str, Series]]  # by session's number, what `over_rounds` gave
Contrast = tuple[Pair, Pair | None]  # an effect, and the one that is subtracted from it
Judge = Callable[[Iterable[Contrast]], Iterable[tuple[Contrast, Metric, dict[str, Any]]]]

T = TypeVar("T")


def judge_of(experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()) -> Judge:
    """Judges families of contrasts by the experiment's margin, as surely as the looks ask."""
    series = {metric: {one.record.session: over_rounds(one.record, metric) for one in sessions} for metric in METRICS}
    failed = failures(session.record for session in sessions)

    def judge(family: Iterable[Contrast]) -> Iterable[tuple[Contrast, Metric, dict[str, Any]]]:
        asked = list(dict.fromkeys(family))
        for metric in METRICS:
            seen = {one: contrast(series[metric], one, metric) for one in asked}
            said = judged(
                seen, experiment.design.equivalence_percent, error_rate_of(looks), partial(_excuse, failed=failed)
            )
            yield from (
                (one, metric, {"arm": one[0][0], "against": one[0][1], "metric": metric, **fields})
                for one, fields in said.items()
                if metric != "cpu" or seen[one].log_ratio.size
            )

    return judge


def contrast(sessions: Sessions, asked: Contrast, metric: Metric) -> Effects:
    """One value for each session that has what it needs: the effect of a pair, or of two pairs the difference."""
    pair, base = asked
    found = by_session(sessions, pair, metric)
    if base is not None:
        less = by_session(sessions, base, metric)
        found = {number: found[number] - less[number] for number in found if number in less}
    values = np.array(list(found.values())).reshape(-1, 2)
    return Effects(log_ratio=values[:, 0], difference_us=values[:, 1])


def interactions(found: Sequence[Corner], judge: Judge) -> tuple[Interaction, ...]:
    """Whether each comparison is the same where the factor is at its first level."""
    corner_of: dict[Contrast, Corner] = {(corner.pair, corner.base_pair): corner for corner in found}
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


def level_effects(found: Sequence[Corner], judge: Judge) -> tuple[LevelEffect, ...]:
    """Each level of the factor against its first one: at the reference of the compared factor, and at its levels."""
    at_reference = {_pairs(corner.pair[1], corner.base_pair[1]): (corner, corner.reference) for corner in found}
    at_levels = {_pairs(corner.pair[0], corner.base_pair[0]): (corner, corner.level) for corner in found}
    place_of = at_reference | at_levels
    return tuple(
        LevelEffect(**fields, level=level, **_place(corner, "compared", "factor", "at", "base", "where"))
        for contrast, _, fields in judge(place_of)
        for corner, level in [place_of[contrast]]
    )


def both_at_once(found: Sequence[Corner], judge: Judge) -> tuple[BothAtOnce, ...]:
    """What a comparison says that changes both factors."""
    corner_of = {_pairs(corner.pair[0], corner.base_pair[1]): corner for corner in found}
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
    """(log ratio, difference in us) of each session that has the pair."""
    seen = {number: effects([one], pair, metric) for number, one in sessions.items()}
    return {
        number: np.array([one.log_ratio[0], one.difference_us[0]]) for number, one in seen.items() if one.log_ratio.size
    }


def _excuse(contrast: Contrast, failed: Mapping[str, Mapping[str, int]]) -> str:
    return failure_excuse((arm for pair in contrast if pair for arm in pair), failed)


def _pairs(arm: str, against: str) -> Contrast:
    return ((arm, against), None)


def _place(corner: Corner, *keys: str) -> dict[str, Any]:
    return {key: getattr(corner, key) for key in keys}
