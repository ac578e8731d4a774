"""Every pair of an experiment compared on every metric, corrected together, each with its verdict."""

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
ALWAYS = ("latency", "mean", "capacity")  # even without a number, which is then explained


def compare(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()
) -> tuple[Comparison, ...]:
    """The comparisons pair by pair: latency, mean, and where there is any, cpu and throughput; or capacity and cpu.

    `looks` are the numbers of sessions after which the run could have stopped: intervals and verdicts are as sure as
    that asks. A pair with failed requests keeps its numbers but gets no verdict; with fewer than 2 sessions it has
    neither.
    """
    error_rate = error_rate_of(looks)
    metrics = SEARCHED if searches(experiment) else METRICS
    by_metric = [_on_metric(experiment, sessions, metric, error_rate) for metric in metrics]
    found = (one[pair] for pair in experiment.pairs for one in by_metric if pair in one)
    return tuple(unless_late(one, sessions) if one.metric in TIMED else one for one in found)


def is_control(experiment: Experiment, pair: Pair) -> bool:
    """Whether the pair is an arm against itself under a second name."""
    arm, against = pair
    return experiment.arm(arm).control_of == against


def _on_metric(
    experiment: Experiment, sessions: Sequence[SessionData], metric: Metric, error_rate: ErrorRate
) -> dict[Pair, Comparison]:
    series = [over_rounds(session.record, metric) for session in sessions]
    seen = {pair: effects(series, pair, metric) for pair in experiment.pairs}
    failed = failures(session.record for session in sessions)
    said = judged(
        seen,
        experiment.design.equivalence_percent,
        error_rate,
        excuse=partial(failure_excuse, failed=failed),
        alone=partial(is_control, experiment),
    )
    return {
        pair: Comparison(arm=pair[0], against=pair[1], metric=metric, **fields, checks=_checks(seen[pair], fields))
        for pair, fields in said.items()
        if metric in ALWAYS or seen[pair].log_ratio.size
    }


def _checks(seen: Effects, fields: Fields) -> dict[str, float]:
    """Where there is an interval to check."""
    return {} if fields["percent"] is None else checks(seen.log_ratio, fields["confidence"])
