"""Runs that end by the rule of the looks, from the effects of every session that they could have had."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness.analysis.contrasts.pairs import is_control_pair, should_stop
from harness.analysis.statistics.group_sequential import ErrorRate, error_rate_of
from harness.analysis.statistics.intervals import Estimate, to_percent
from harness.analysis.statistics.verdict import corrected_verdicts
from harness.model import Experiment, Verdict

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ending:
    """After how many sessions a run ended, its intervals of log ratios by pair, and the verdicts on its questions."""

    sessions: int
    intervals: tuple[tuple[float, float], ...]
    verdicts: tuple[Verdict, ...]


def ending_of(experiment: Experiment, looks: Sequence[int]) -> Callable[[Floats], Ending]:
    """The function from log ratios, (pairs, sessions), to how the run ends."""
    return partial(_ended, experiment, looks, error_rate_of(looks))


def _ended(experiment: Experiment, looks: Sequence[int], error_rate: ErrorRate, effects: Floats) -> Ending:
    for sessions in looks:
        estimates = _estimates(effects[:, :sessions])
        questions = [
            one for pair, one in zip(experiment.pairs, estimates, strict=True) if not is_control_pair(experiment, pair)
        ]
        if should_stop(experiment, looks, sessions, [_width_percent(one, error_rate) for one in questions]):
            break
    ruled = corrected_verdicts(questions, experiment.design.equivalence_percent, error_rate)
    return Ending(
        sessions=sessions,
        intervals=tuple(one.interval(1 - error_rate(sessions)) for one in estimates),
        verdicts=tuple(ruling.verdict for ruling in ruled),
    )


def _estimates(effects: Floats) -> list[Estimate]:
    """As `estimate_mean`, whose exact sums take most of the time of a simulation."""
    means, sds = effects.mean(axis=1).tolist(), effects.std(axis=1, ddof=1).tolist()
    return [Estimate(mean=mean, sd=sd, sessions=effects.shape[1]) for mean, sd in zip(means, sds, strict=True)]


def _width_percent(estimate: Estimate, error_rate: ErrorRate) -> float:
    low, high = map(to_percent, estimate.interval(1 - error_rate(estimate.sessions)))
    return high - low
