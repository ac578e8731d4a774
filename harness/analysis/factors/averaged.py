"""Main effects and interactions of an averaging screen, session by session."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from harness.analysis.bursts import Series, SessionData, over_rounds
from harness.analysis.comparisons import SEARCHED
from harness.analysis.effects import Effects, centre
from harness.analysis.factors.contrasts import AGREEMENT, METRICS
from harness.analysis.factors.screen import Both, Change, Main, Weights, boths, mains
from harness.analysis.failures import failure_excuse, failures
from harness.analysis.judged import judged
from harness.analysis.looks import error_rate_of
from harness.analysis.verdict import benjamini_hochberg
from harness.experiment.screens import short_names
from harness.experiment.search import searches
from harness.model import Experiment, FactorInteraction, MainEffect, Metric

One = TypeVar("One", Main, Both)


def main_effects(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()
) -> tuple[MainEffect, ...]:
    """Return the main effects of an averaging screen, each metric under Benjamini and Hochberg's correction."""
    return tuple(
        MainEffect(
            **fields,
            where=dict(effect.where),
            mixed_with=effect.mixed_with,
            partly_mixed_with=effect.partly_mixed_with,
        )
        for effect, fields in _judged(experiment, mains(experiment), sessions, looks)
    )


def factor_interactions(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()
) -> tuple[FactorInteraction, ...]:
    """Return the interactions that the design resolves, each metric under Benjamini and Hochberg's correction."""
    return tuple(
        FactorInteraction(
            **{**fields, "verdict": AGREEMENT[fields["verdict"]]},
            other=interaction.other.factor,
            other_at=interaction.other.at,
            other_base=interaction.other.base,
            mixed_with=interaction.mixed_with,
        )
        for interaction, fields in _judged(experiment, boths(experiment), sessions, looks)
    )


def weighed(sessions: Iterable[Mapping[str, Series]], weights: Weights, metric: Metric) -> Effects:
    """Return the weighted sum over arms of log times, and of times, for each session that has all arms.

    Sums are taken round by round. A round without a value for each arm is left out.
    """
    times_us = [_whole_rounds(series, weights) for series in sessions if weights.keys() <= series.keys()]
    usable = [of_session for of_session in times_us if of_session.size]
    vector = np.array(list(weights.values()))
    return Effects(
        log_ratio=np.array([centre(vector @ np.log(of_session), metric) for of_session in usable]),
        difference_us=np.array([centre(vector @ of_session, metric) for of_session in usable]),
    )


def _whole_rounds(session: Mapping[str, Series], weights: Weights) -> Series:
    """Return the times of the rounds with all arms, (arms, rounds)."""
    times_us = np.array([session[arm] for arm in weights])
    return np.asarray(times_us[:, np.isfinite(times_us).all(axis=0)])


def _judged(
    experiment: Experiment, screen_effects: Sequence[One], sessions: Sequence[SessionData], looks: Sequence[int]
) -> Iterator[tuple[One, dict[str, Any]]]:
    failed = failures(session.record for session in sessions)
    short = short_names(list(dict.fromkeys(effect.change.factor for effect in screen_effects)))
    for metric in SEARCHED if searches(experiment) else METRICS:
        series = [over_rounds(session.record, metric) for session in sessions]
        values = {index: weighed(series, effect.weights, metric) for index, effect in enumerate(screen_effects)}
        judged_fields = judged(
            values,
            experiment.design.equivalence_percent,
            error_rate_of(looks),
            partial(_excuse, screen_effects=screen_effects, failed=failed),
            correction=benjamini_hochberg,
        )
        for index, fields in judged_fields.items():
            if metric != "cpu" or values[index].log_ratio.size:
                yield (
                    screen_effects[index],
                    {"metric": metric, **_change(screen_effects[index].change, short), **fields},
                )


def _excuse(index: int, screen_effects: Sequence[Main | Both], failed: Mapping[str, Mapping[str, int]]) -> str:
    return failure_excuse(screen_effects[index].weights, failed)


def _change(change: Change, short: Mapping[str, str]) -> dict[str, str]:
    name = short[change.factor]
    return {
        "arm": f"{name}={change.at}",
        "against": f"{name}={change.base}",
        "factor": change.factor,
        "at": change.at,
        "base": change.base,
    }
