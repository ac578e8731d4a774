"""Compares each arm with its reference, unless the client was late; decides when a run may stop."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    judge_contrasts,
    pair_contrast,
    without_verdict,
)
from harness.analysis.statistics.inference import MIN_SESSIONS_FOR_INTERVAL, Estimate, estimate_mean, robustness_checks
from harness.analysis.statistics.series import ArmPair, Series, centre_of_rounds
from harness.experiment.cost import is_capacity_search
from harness.model import HEADLINE_METRICS, METRICS, ArmEffect, Comparison, Experiment, Record
from harness.model.metrics import SEARCH_METRICS, TIME_RUN_METRICS

MAX_LAG_SHARE = 0.5  # of the difference

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
    return [_drop_verdict_if_late(pair, evidence.records) for pair in judged]


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


def _drop_verdict_if_late(judged: JudgedContrast, records: Sequence[Record]) -> JudgedContrast:
    """Return the pair, without its verdict if send lag may explain half the difference or more."""
    contrast, numbers = judged.contrast, judged.judgement
    if not METRICS[contrast.metric].is_time or numbers.verdict not in ("faster", "slower") or numbers.us is None:
        return judged
    lag_us = send_lag_us(records, contrast.arm, contrast.against)
    if lag_us is None:
        return judged
    low_us, high_us = lag_us.interval(numbers.confidence)
    if max(abs(low_us), abs(high_us)) < MAX_LAG_SHARE * abs(numbers.us):
        return judged
    why = (
        f"the client sent requests of {contrast.arm} later than meant by {lag_us.mean:+.0f} us ({low_us:+.0f} to "
        f"{high_us:+.0f}) compared with {contrast.against}, which could explain half of the difference of "
        f"{numbers.us:+.0f} us or more; give the client a CPU of its own with placement, or lower the rate."
    )
    return without_verdict(judged, why)


def send_lag_us(records: Sequence[Record], arm: str, against: str) -> Estimate | None:
    """Return how much later than `against` the requests of `arm` were sent; None if not sent at a rate."""
    per_session = [_send_lags_us(record, arm, against) for record in records]
    centre = METRICS["mean"].centre
    known = [float(centre_of_rounds(differences, centre)) for differences in per_session if differences.size]
    return estimate_mean(np.array(known)) if len(known) >= MIN_SESSIONS_FOR_INTERVAL else None


def _send_lags_us(record: Record, arm: str, against: str) -> Series:
    late = {(visit.arm, visit.round): visit.late_us for visit in record.visits if visit.late_us is not None}
    rounds = sorted(round_ for name, round_ in late if name == arm and (against, round_) in late)
    return np.array([late[arm, round_] - late[against, round_] for round_ in rounds])


def should_stop(
    experiment: Experiment, looks: Sequence[int], sessions: int, widths_percent: Iterable[float | None]
) -> bool:
    """Whether a run may end after `sessions` sessions with intervals of these widths, None without an interval.

    Only the width decides, at the confidence of the look, never the position.
    """
    widest = 2 * experiment.design.precision_percent
    return sessions in looks and all(width is not None and width <= widest for width in widths_percent)


def deciding_widths_percent(judged: Iterable[JudgedContrast]) -> list[float | None]:
    """Return the widths of the intervals that a run is to narrow: in the headline metric, without the control's."""
    decisive = [effect.judgement for effect in judged if effect.contrast.metric in HEADLINE_METRICS and effect.family]
    return [
        None
        if numbers.percent_low is None or numbers.percent_high is None
        else numbers.percent_high - numbers.percent_low
        for numbers in decisive
    ]
