"""High percentiles of the arms, and how they differ between two arms."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    RunSeries,
    SessionValues,
    WeightedSum,
    judge_contrasts,
    mean_interval,
    session_values,
)
from harness.analysis.contrasts.pairs import is_control
from harness.analysis.statistics.group_sequential import confidence_at
from harness.analysis.statistics.percentiles import resolution_step_us, session_percentiles_us
from harness.analysis.statistics.series import Series, SessionData
from harness.model import Interval, TailEffect, VisitRow
from harness.model.metrics import Quantity

TAIL_PERCENTILES = (90.0, 99.0, 99.9)


def percentile_name(percentile: float) -> str:
    """Return the name of a percentile: `p90`, `p999`."""
    return f"p{percentile:g}".replace(".", "")


def arm_percentiles(sessions: Sequence[SessionData], arm: str, looks: Sequence[int] = ()) -> dict[str, Interval]:
    """Return each percentile that has enough requests, in us: the mean over sessions with its interval.

    Of the times, not of their logarithms, so that the value equals `p99_us`.
    """
    confidence = confidence_at(looks, len(sessions))
    values_by_name = {
        percentile_name(percentile): [
            value for value in session_percentiles_us(sessions, arm, percentile) if value is not None
        ]
        for percentile in TAIL_PERCENTILES
    }
    intervals = {name: mean_interval(np.asarray(values), confidence) for name, values in values_by_name.items()}
    return {name: interval for name, interval in intervals.items() if interval}


def judge_tails(evidence: RunEvidence) -> list[tuple[float, JudgedContrast]]:
    """Return the effect of each pair on each percentile that both arms have, session by session.

    They are one family under Holm, separate from the comparisons; the control is judged alone.
    """
    series = RunSeries((), _percentile_series(evidence))
    percentile_of = {
        contrast: percentile
        for contrast, percentile in _contrasts(evidence)
        if session_values(series, contrast.terms).sessions
    }
    visits = [visit for record in evidence.records for visit in record.visits if visit.percentiles_us]
    margin_percent = evidence.experiment.design.equivalence_percent
    judged = judge_contrasts(
        evidence,
        percentile_of,
        is_alone=lambda contrast: is_control(evidence.experiment, contrast),
        excuse=lambda contrast, values: _too_coarse(visits, contrast, percentile_of[contrast], values, margin_percent),
        series=series,
    )
    return [(percentile_of[effect.contrast], effect) for effect in judged]


def tail_effect_of(percentile: float, judged: JudgedContrast) -> TailEffect:
    """Return the effect on a percentile as a summary has it."""
    return TailEffect.model_validate(judged.fields | {"percentile": percentile})


def _contrasts(evidence: RunEvidence) -> Iterator[tuple[Contrast, float]]:
    for arm, against in evidence.experiment.pairs:
        for percentile in TAIL_PERCENTILES:
            name = percentile_name(percentile)
            terms = (WeightedSum(Quantity(name, lambda _: None, "mean", has_ratio=True), {arm: 1.0, against: -1.0}),)
            label = f"{name} of {arm} against {against}"
            yield Contrast("percentile", arm, against, "latency", terms, label=label), percentile


def _percentile_series(evidence: RunEvidence) -> dict[str, dict[int, dict[str, Series]]]:
    """Return the percentiles by name, session and arm, (1,): NaN where there are too few requests."""
    arms = dict.fromkeys(name for pair in evidence.experiment.pairs for name in pair)
    series: dict[str, dict[int, dict[str, Series]]] = {}
    for percentile in TAIL_PERCENTILES:
        values = {arm: session_percentiles_us(evidence.sessions, arm, percentile) for arm in arms}
        series[percentile_name(percentile)] = {
            record.session: {arm: np.array([values[arm][index] or np.nan]) for arm in arms}
            for index, record in enumerate(evidence.records)
        }
    return series


def _too_coarse(
    visits: Sequence[VisitRow], contrast: Contrast, percentile: float, values: SessionValues, margin_percent: float
) -> str:
    """Return why an outside tool's percentiles do not decide: its steps may be wider than the difference."""
    of_tool = [visit for visit in visits if visit.arm in (contrast.arm, contrast.against)]
    step = resolution_step_us(visit.percentiles_us.get(percentile) for visit in of_tool)
    level_us = step and float(np.mean([visit.percentiles_us.get(percentile, 0) for visit in of_tool]))
    if step <= level_us * margin_percent / 100 or abs(float(np.mean(values.difference))) > step:
        return ""
    return f"The tool reports this percentile in steps of {step:g} us, and the difference is no larger."
