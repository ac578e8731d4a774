"""What each factor of a screen does on average and what two do to each other, session by session."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from harness.analysis.bursts import Series, SessionData, over_rounds
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

SEARCHED: tuple[Metric, ...] = ("capacity", "cpu")

One = TypeVar("One", Main, Both)


def main_effects(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()
) -> tuple[MainEffect, ...]:
    """Each metric's under the correction of Benjamini and Hochberg; none but of screens that average."""
    return tuple(
        MainEffect(
            **fields,
            where=dict(one.where),
            mixed_with=one.mixed_with,
            partly_mixed_with=one.partly_mixed_with,
        )
        for one, fields in _judged(experiment, mains(experiment), sessions, looks)
    )


def factor_interactions(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()
) -> tuple[FactorInteraction, ...]:
    """Those that the design resolves, each metric's under the correction of Benjamini and Hochberg."""
    return tuple(
        FactorInteraction(
            **{**fields, "verdict": AGREEMENT[fields["verdict"]]},
            other=one.other.factor,
            other_at=one.other.at,
            other_base=one.other.base,
            mixed_with=one.mixed_with,
        )
        for one, fields in _judged(experiment, boths(experiment), sessions, looks)
    )


def weighed(sessions: Iterable[Mapping[str, Series]], weights: Weights, metric: Metric) -> Effects:
    """One value for each session that has all arms: the weighted sum of log times, and of times, round by round.

    A round in which one of the arms has no value says nothing, and so does a session without any other round.
    """
    times_us = [_whole_rounds(one, weights) for one in sessions if weights.keys() <= one.keys()]
    usable = [one for one in times_us if one.size]
    share = np.array(list(weights.values()))
    return Effects(
        log_ratio=np.array([centre(share @ np.log(one), metric) for one in usable]),
        difference_us=np.array([centre(share @ one, metric) for one in usable]),
    )


def _whole_rounds(session: Mapping[str, Series], weights: Weights) -> Series:
    """(arms, rounds)."""
    times_us = np.array([session[arm] for arm in weights])
    return np.asarray(times_us[:, np.isfinite(times_us).all(axis=0)])


def _judged(
    experiment: Experiment, asked: Sequence[One], sessions: Sequence[SessionData], looks: Sequence[int]
) -> Iterator[tuple[One, dict[str, Any]]]:
    failed = failures(session.record for session in sessions)
    short = short_names(list(dict.fromkeys(one.change.factor for one in asked)))
    for metric in SEARCHED if searches(experiment) else METRICS:
        series = [over_rounds(session.record, metric) for session in sessions]
        seen = {place: weighed(series, one.weights, metric) for place, one in enumerate(asked)}
        said = judged(
            seen,
            experiment.design.equivalence_percent,
            error_rate_of(looks),
            partial(_excuse, asked=asked, failed=failed),
            correction=benjamini_hochberg,
        )
        for place, fields in said.items():
            if metric != "cpu" or seen[place].log_ratio.size:
                yield asked[place], {"metric": metric, **_change(asked[place].change, short), **fields}


def _excuse(place: int, asked: Sequence[Main | Both], failed: Mapping[str, Mapping[str, int]]) -> str:
    return failure_excuse(asked[place].weights, failed)


def _change(change: Change, short: Mapping[str, str]) -> dict[str, str]:
    name = short[change.factor]
    return {
        "arm": f"{name}={change.at}",
        "against": f"{name}={change.base}",
        "factor": change.factor,
        "at": change.at,
        "base": change.base,
    }
