"""The comparison of every pair of an experiment on every metric, with a verdict."""

from collections.abc import Sequence
from functools import partial

from harness.analysis.bursts import SessionData, over_rounds
from harness.analysis.checks import checks
from harness.analysis.effects import Effects, Pair, effects
from harness.analysis.failures import failure_excuse, failures
from harness.analysis.judged import Fields, judged
from harness.analysis.lateness import unless_late
from harness.analysis.looks import ErrorRate, error_rate_of
from harness.experiment.search import searches
from harness.model import Comparison, Experiment, Metric

METRICS: tuple[Metric, ...] = ("latency", "mean", "cpu", "throughput")
SEARCHED: tuple[Metric, ...] = ("capacity", "cpu")
TIMED = ("latency", "mean")
ALWAYS = ("latency", "mean", "capacity")  # reported even without a number, with the reason


def compare(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()
) -> tuple[Comparison, ...]:
    """Return the comparisons pair by pair: latency, mean and, if measured, cpu and throughput; or capacity and cpu.

    `looks` are the numbers of sessions after which the run could have stopped; intervals and verdicts allow for them.
    A pair with failed requests has numbers but no verdict; with fewer than 2 sessions it has neither.
    """
    error_rate = error_rate_of(looks)
    metrics = SEARCHED if searches(experiment) else METRICS
    by_metric = [_on_metric(experiment, sessions, metric, error_rate) for metric in metrics]
    comparisons = (of_metric[pair] for pair in experiment.pairs for of_metric in by_metric if pair in of_metric)
    return tuple(
        unless_late(comparison, sessions) if comparison.metric in TIMED else comparison for comparison in comparisons
    )


def is_control(experiment: Experiment, pair: Pair) -> bool:
    """Whether the pair compares an arm with its control (an A/A comparison)."""
    arm, against = pair
    return experiment.arm(arm).control_of == against


def _on_metric(
    experiment: Experiment, sessions: Sequence[SessionData], metric: Metric, error_rate: ErrorRate
) -> dict[Pair, Comparison]:
    series = [over_rounds(session.record, metric) for session in sessions]
    values = {pair: effects(series, pair, metric) for pair in experiment.pairs}
    failed = failures(session.record for session in sessions)
    judged_fields = judged(
        values,
        experiment.design.equivalence_percent,
        error_rate,
        excuse=partial(failure_excuse, failed=failed),
        alone=partial(is_control, experiment),
    )
    return {
        pair: Comparison(arm=pair[0], against=pair[1], metric=metric, **fields, checks=_checks(values[pair], fields))
        for pair, fields in judged_fields.items()
        if metric in ALWAYS or values[pair].log_ratio.size
    }


def _checks(values: Effects, fields: Fields) -> dict[str, float]:
    """Return the robustness checks of an interval; none without one."""
    return {} if fields["percent"] is None else checks(values.log_ratio, fields["confidence"])
