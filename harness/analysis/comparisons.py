"""Compares each arm with its reference, unless requests failed or the client was late; decides when a run may stop."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from harness.analysis.statistics.group_sequential import ErrorRate, error_rate_of
from harness.analysis.statistics.inference import (
    MIN_SESSIONS_FOR_INTERVAL,
    Estimate,
    estimate_mean,
    judge_family,
    robustness_checks,
)
from harness.analysis.statistics.series import (
    ArmPair,
    Series,
    SessionData,
    SessionValues,
    pair_values,
    round_times_us,
    typical_round,
)
from harness.experiment.cost import is_capacity_search
from harness.model import HEADLINE_METRICS, METRICS, ArmEffect, Comparison, Experiment, Judgement, MetricName, Record
from harness.model.http import answer_shape
from harness.model.metrics import SEARCH_METRICS, TIME_RUN_METRICS

MAX_LAG_SHARE = 0.5  # of the difference

# False alarms for two equal arms at the worst precision, by the number of looks; simulated in
# tests/unit/analysis/test_early_stopping.py.
FALSE_ALARMS_PERCENT: Mapping[int, float] = {1: 5.0, 2: 4.5, 3: 4.3, 4: 4.3}


def compare_pairs(
    experiment: Experiment,
    sessions: Sequence[SessionData],
    looks: Sequence[int] = (),
    only: Collection[MetricName] = (),
) -> tuple[Comparison, ...]:
    """Return the comparisons pair by pair: latency, mean and, if measured, cpu and throughput; or capacity and cpu.

    `looks` are the numbers of sessions after which the run could have stopped; intervals and verdicts allow for them.
    A pair with failed requests has numbers but no verdict; with fewer than 2 sessions it has neither. `only` limits the
    metrics.
    """
    error_rate = error_rate_of(looks)
    metrics = SEARCH_METRICS if is_capacity_search(experiment) else TIME_RUN_METRICS
    by_metric = [
        _on_metric(experiment, sessions, metric, error_rate) for metric in metrics if not only or metric in only
    ]
    comparisons = (of_metric[pair] for pair in experiment.pairs for of_metric in by_metric if pair in of_metric)
    return tuple(
        drop_verdict_if_late(comparison, sessions) if METRICS[comparison.metric].is_time else comparison
        for comparison in comparisons
    )


def is_control_pair(experiment: Experiment, pair: ArmPair) -> bool:
    """Whether the pair compares an arm with its control (an A/A comparison)."""
    arm, against = pair
    return experiment.arm(arm).control_of == against


def _on_metric(
    experiment: Experiment, sessions: Sequence[SessionData], metric: str, error_rate: ErrorRate
) -> dict[ArmPair, Comparison]:
    series = [round_times_us(session.record, metric) for session in sessions]
    values = {pair: pair_values(series, pair, metric) for pair in experiment.pairs}
    failed = count_failures(session.record for session in sessions)
    judgements = judge_family(
        values,
        experiment.design.equivalence_percent,
        error_rate,
        excuse=partial(failure_reason, failed=failed),
        alone=partial(is_control_pair, experiment),
    )
    return {
        pair: Comparison(
            arm=pair[0], against=pair[1], metric=metric, **dict(judgement), checks=_checks(values[pair], judgement)
        )
        for pair, judgement in judgements.items()
        if not METRICS[metric].is_optional or values[pair].log_ratio.size
    }


def _checks(values: SessionValues, judgement: Judgement) -> dict[str, float]:
    """Return the robustness checks of an interval; none without one."""
    return {} if judgement.percent is None else robustness_checks(values.log_ratio, judgement.confidence)


def count_failures(records: Iterable[Record]) -> dict[str, Counter[str]]:
    """Return the number of failed requests by kind, for each arm that had any.

    The readiness request of an arm counts as failed if its answer differs from that in the first session.
    """
    kinds_by_arm: dict[str, Counter[str]] = {}
    every = sorted(records, key=lambda record: record.session)
    for arm, session, change in answer_changes(every):
        kinds_by_arm.setdefault(arm, Counter())[f"{change}, from session {session} on"] += 1
    for record in every:
        for arm, kinds in record.failures.items():
            kinds_by_arm.setdefault(arm, Counter()).update(kinds)
    return {arm: kinds for arm, kinds in kinds_by_arm.items() if kinds.total()}


def answer_changes(records: Sequence[Record]) -> Iterator[tuple[str, int, str]]:
    """Yield (arm, session, difference) for the first session in which the answer of an arm had changed."""
    proofs = [(record.session, record.proofs) for record in records]
    for arm in dict.fromkeys(arm for _, of_arms in proofs for arm in of_arms):
        shapes = [(session, answer_shape(of_arms.get(arm, {}))) for session, of_arms in proofs]
        known = [(session, shape) for session, shape in shapes if shape]
        for session, shape in known[1:]:
            if difference := known[0][1].difference(shape):
                yield arm, session, difference
                break


def describe_failures(kinds: Mapping[str, int]) -> str:
    """Return a text like `3 failed requests (502: 2, short: 1)`."""
    total = sum(kinds.values())
    listed = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))
    return f"{total} failed {'request' if total == 1 else 'requests'} ({listed})"


def failure_reason(arms: Iterable[str], failed: Mapping[str, Mapping[str, int]]) -> str:
    """Return why an effect of `arms` gets no verdict: failed requests; "" if there are none."""
    counts = " and ".join(f"{arm} had {describe_failures(failed[arm])}" for arm in dict.fromkeys(arms) if arm in failed)
    return f"{counts}; throughput of errors is not throughput." if counts else ""


def drop_verdict_if_late(comparison: Comparison, sessions: Sequence[SessionData]) -> Comparison:
    """Return the comparison, without its verdict if send lag may explain half the difference or more."""
    if comparison.verdict not in ("faster", "slower") or comparison.us is None:
        return comparison
    lag_us = send_lag_us([session.record for session in sessions], comparison.arm, comparison.against)
    if lag_us is None:
        return comparison
    low_us, high_us = lag_us.interval(comparison.confidence)
    if max(abs(low_us), abs(high_us)) < MAX_LAG_SHARE * abs(comparison.us):
        return comparison
    why = (
        f"the client sent requests of {comparison.arm} later than meant by {lag_us.mean:+.0f} us ({low_us:+.0f} to "
        f"{high_us:+.0f}) compared with {comparison.against}, which could explain half of the difference of "
        f"{comparison.us:+.0f} us or more; give the client a CPU of its own with placement, or lower the rate."
    )
    return comparison.model_copy(update={"verdict": None, "why": why, "sessions_to_decide": None})


def send_lag_us(records: Sequence[Record], arm: str, against: str) -> Estimate | None:
    """Return how much later than `against` the requests of `arm` were sent; None if not sent at a rate."""
    per_session = [_send_lags_us(record, arm, against) for record in records]
    known = [float(typical_round(differences, "mean")) for differences in per_session if differences.size]
    return estimate_mean(np.array(known)) if len(known) >= MIN_SESSIONS_FOR_INTERVAL else None


def _send_lags_us(record: Record, arm: str, against: str) -> Series:
    late = {(visit.arm, visit.round): visit.late_us for visit in record.visits if visit.late_us is not None}
    rounds = sorted(round_ for name, round_ in late if name == arm and (against, round_) in late)
    return np.array([late[arm, round_] - late[against, round_] for round_ in rounds])


def should_stop(experiment: Experiment, looks: Sequence[int], sessions: int, effects: Sequence[ArmEffect]) -> bool:
    """Whether a run may end after `sessions` sessions with these comparisons or main effects.

    Only the width of the intervals decides, at the confidence of the look, never their position. The control does not
    count.
    """
    headline = [
        effect for effect in effects if effect.metric in HEADLINE_METRICS and not _is_of_control(experiment, effect)
    ]
    precise = (_is_precise(effect, experiment.design.precision_percent) for effect in headline)
    return sessions in looks and all(precise)


def _is_of_control(experiment: Experiment, effect: ArmEffect) -> bool:
    return isinstance(effect, Comparison) and is_control_pair(experiment, (effect.arm, effect.against))


def _is_precise(effect: ArmEffect, precision_percent: float) -> bool:
    if effect.percent_low is None or effect.percent_high is None:
        return False
    return effect.percent_high - effect.percent_low <= 2 * precision_percent
