"""Percentiles of the arms, and how high ones differ between two arms."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    ResampledValues,
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
from harness.analysis.statistics.percentiles import pooled_sessions, resolution_step_us, session_percentiles_us
from harness.analysis.statistics.pooled import pooled_percentile, resampled_percentile
from harness.analysis.statistics.resampling import draw_sessions
from harness.analysis.statistics.series import ArmPair, Series, SessionData
from harness.model import PercentileValue, TailEffect, VisitRow
from harness.model.metrics import Quantity

TAIL_PERCENTILES = (90.0, 99.0, 99.9)


def percentile_name(percentile: float) -> str:
    """Return the name of a percentile: `p90`, `p999`."""
    return f"p{percentile:g}".replace(".", "")


def arm_percentiles(sessions: Sequence[SessionData], arm: str, looks: Sequence[int] = ()) -> dict[str, PercentileValue]:
    """Return the median and each higher percentile that has enough requests, in us, with its interval.

    Where every session has enough, it is the mean over sessions: of the times, not of their logarithms, so that the
    value equals `p99_us`. Otherwise it is the percentile of all sessions together.
    """
    confidence = confidence_at(looks, len(sessions))
    values = {
        percentile_name(percentile): _arm_percentile(sessions, arm, percentile, confidence)
        for percentile in (50.0, *TAIL_PERCENTILES)
    }
    return {name: value for name, value in values.items() if value}


def _arm_percentile(
    sessions: Sequence[SessionData], arm: str, percentile: float, confidence: float
) -> PercentileValue | None:
    own = [value for value in session_percentiles_us(sessions, arm, percentile) if value is not None]
    if interval := mean_interval(np.asarray(own), confidence):
        return PercentileValue(**interval.model_dump())
    times_us = [session.times_us(arm) for session in pooled_sessions(sessions, [arm], percentile)]
    return pooled_percentile(times_us, percentile, confidence) if times_us else None


def judge_tails(evidence: RunEvidence) -> list[tuple[float, JudgedContrast]]:
    """Return the effect of each pair on each high percentile that both arms have.

    It is compared session by session where every session has enough requests, otherwise over all sessions together.
    The effects are one family under Holm, separate from the comparisons; the control is judged alone.
    """
    own, pooled = RunSeries((), percentile_series(evidence)), _PooledPercentiles(evidence.sessions)
    percentile_of = dict(_contrasts(evidence))
    in_sessions = {contrast: session_values(own, contrast.terms) for contrast in percentile_of}
    values_of = {
        contrast: values
        if values.sessions
        else pooled.values((contrast.arm, contrast.against), percentile_of[contrast])
        for contrast, values in in_sessions.items()
    }
    visits = [visit for record in evidence.records for visit in record.visits if visit.percentiles_us]
    margin_percent = evidence.experiment.design.equivalence_percent
    judged = judge_contrasts(
        evidence,
        [contrast for contrast, values in values_of.items() if values.sessions],
        is_alone=lambda contrast: is_control(evidence.experiment, contrast),
        excuse=lambda contrast, values: _too_coarse(visits, contrast, percentile_of[contrast], values, margin_percent),
        values_of=values_of.__getitem__,
    )
    return [(percentile_of[effect.contrast], effect) for effect in judged]


def tail_effect_of(percentile: float, judged: JudgedContrast) -> TailEffect:
    """Return the effect on a percentile as a summary has it."""
    pooled = isinstance(judged.values, ResampledValues)
    return TailEffect.model_validate(judged.fields | {"percentile": percentile, "pooled": pooled})


def _contrasts(evidence: RunEvidence) -> Iterator[tuple[Contrast, float]]:
    for arm, against in evidence.experiment.pairs:
        for percentile in TAIL_PERCENTILES:
            name = percentile_name(percentile)
            terms = (WeightedSum(Quantity(name, lambda _: None, "mean", has_ratio=True), {arm: 1.0, against: -1.0}),)
            label = f"{name} of {arm} against {against}"
            yield Contrast("percentile", arm, against, "latency", terms, label=label, quantity=name), percentile


class _PooledPercentiles:
    """Percentiles of all sessions together and of their resamples, each made once."""

    def __init__(self, sessions: Sequence[SessionData]) -> None:
        self._sessions = sessions
        self._known: dict[tuple[str, float, tuple[int, ...]], Series] = {}

    def values(self, pair: ArmPair, percentile: float) -> ResampledValues:
        """Return what a pair differs by, from the sessions with times of both; without sessions if these are few."""
        sessions = pooled_sessions(self._sessions, pair, percentile)
        if not sessions:
            return ResampledValues((), np.empty(0), np.empty(0))
        arm_us, against_us = (self._resampled(sessions, arm, percentile) for arm in pair)
        numbers = tuple(session.record.session for session in sessions)
        return ResampledValues(numbers, np.log(arm_us) - np.log(against_us), arm_us - against_us)

    def _resampled(self, sessions: Sequence[SessionData], arm: str, percentile: float) -> Series:
        key = (arm, percentile, tuple(session.record.session for session in sessions))
        if key not in self._known:
            times_us = [session.times_us(arm) for session in sessions]
            self._known[key] = resampled_percentile(times_us, percentile, draw_sessions(len(sessions)))
        return self._known[key]


def percentile_series(evidence: RunEvidence) -> dict[str, dict[int, dict[str, Series]]]:
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
