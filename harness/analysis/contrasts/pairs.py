"""Compares each arm with its reference, unless the client was late; decides when a run may stop."""

from collections.abc import Iterable, Mapping, Sequence

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    RunSeries,
    difference,
    interval_of,
    judge_contrasts,
    pair_contrast,
    without_verdict,
)
from harness.analysis.statistics.intervals import CONFIDENCE, robustness_checks
from harness.analysis.statistics.series import ArmPair
from harness.experiment.cost import is_capacity_search
from harness.model import HEADLINE_METRICS, METRICS, ArmEffect, Comparison, Experiment, Interval
from harness.model.metrics import SEARCH_METRICS, TIME_RUN_METRICS, Quantity

MAX_LAG_SHARE = 0.5  # of the difference
SEND_LAG_US = Quantity("late_us", lambda visit: visit.late_us)

# False alarms for two equal arms at the worst precision, by the number of looks; simulated in
# tests/unit/analysis/test_early_stopping.py.
FALSE_ALARMS_PERCENT: Mapping[int, float] = {1: 5.0, 2: 4.5, 3: 4.3, 4: 4.3}


def compare_pairs(evidence: RunEvidence, metrics: Sequence[str] = ()) -> list[JudgedContrast]:
    """Return the pairs in turn: latency, mean and, if measured, cpu and throughput; or capacity and cpu.

    `metrics` limits them. Intervals and verdicts allow for the looks of the run. A pair with failed requests has
    numbers but no verdict; with fewer than 2 sessions it has neither.
    """
    known = SEARCH_METRICS if is_capacity_search(evidence.experiment) else TIME_RUN_METRICS
    contrasts = [
        pair_contrast(pair, metric)
        for pair in evidence.experiment.pairs
        for metric in known
        if not metrics or metric in metrics
    ]
    judged = judge_contrasts(evidence, contrasts, is_alone=lambda contrast: is_control(evidence.experiment, contrast))
    return [_drop_verdict_if_late(pair, evidence.series) for pair in judged]


def comparison_of(judged: JudgedContrast) -> Comparison:
    """Return the pair as a summary has it, with the robustness checks of its interval."""
    numbers = judged.judgement
    checks = {} if numbers.percent is None else robustness_checks(judged.values.log_ratio, numbers.confidence)
    return Comparison.model_validate(judged.fields | {"checks": checks})


def is_control_pair(experiment: Experiment, pair: ArmPair) -> bool:
    """Whether the pair compares an arm with its control (an A/A comparison)."""
    arm, against = pair
    return experiment.arm(arm).control_of == against


def is_control(experiment: Experiment, effect: Contrast | ArmEffect) -> bool:
    """Whether the effect compares an arm with its control."""
    return is_control_pair(experiment, (effect.arm, effect.against))


def _drop_verdict_if_late(judged: JudgedContrast, series: RunSeries) -> JudgedContrast:
    """Return the pair, without its verdict if send lag may explain half the difference or more."""
    contrast, numbers = judged.contrast, judged.judgement
    if not METRICS[contrast.metric].is_time or numbers.verdict not in ("faster", "slower") or numbers.us is None:
        return judged
    lag_us = send_lag_us(series, (contrast.arm, contrast.against), numbers.confidence)
    if lag_us is None or lag_us.low is None or lag_us.high is None:
        return judged
    if max(abs(lag_us.low), abs(lag_us.high)) < MAX_LAG_SHARE * abs(numbers.us):
        return judged
    why = (
        f"the client sent requests of {contrast.arm} later than meant by {lag_us.value:+.0f} us ({lag_us.low:+.0f} to "
        f"{lag_us.high:+.0f}) compared with {contrast.against}, which could explain half of the difference of "
        f"{numbers.us:+.0f} us or more; give the client a CPU of its own with placement, or lower the rate."
    )
    return without_verdict(judged, why)


def send_lag_us(series: RunSeries, pair: ArmPair, confidence: float = CONFIDENCE) -> Interval | None:
    """Return how much later than those of its reference an arm's requests were sent; None if not sent at a rate."""
    return interval_of(series, difference(pair, SEND_LAG_US), confidence=confidence)


def should_stop(
    experiment: Experiment, looks: Sequence[int], sessions: int, widths_percent: Iterable[float | None]
) -> bool:
    """Whether a run may end after `sessions` sessions with intervals of these widths, None without an interval.

    Only the width decides, at the confidence of the look, never the position.
    """
    widest = 2 * experiment.design.precision_percent
    return sessions in looks and all(width is not None and width <= widest for width in widths_percent)


def without_controls(judged: Iterable[JudgedContrast]) -> list[JudgedContrast]:
    """Return the effects in the headline metric whose intervals a run is to narrow: without those of controls."""
    return [effect for effect in judged if effect.contrast.metric in HEADLINE_METRICS and effect.family]


def widths_percent(effects: Iterable[JudgedContrast]) -> list[float | None]:
    """Return the width of each interval in percent, None where there is none."""
    return [
        None
        if numbers.percent_low is None or numbers.percent_high is None
        else numbers.percent_high - numbers.percent_low
        for numbers in (effect.judgement for effect in effects)
    ]
