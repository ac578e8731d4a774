"""Calibration on this machine: false alarms of A/A runs, detection of known spikes, and the noise floor."""

import math
from collections.abc import Sequence
from statistics import fmean

from scipy.special import betaincinv, stdtrit  # the values of scipy.stats, which takes a second to import

from harness.analysis.contrasts.engine import RunEvidence, SessionValues, pair_terms, session_values
from harness.analysis.contrasts.pairs import compare_pairs, comparison_of, is_control_pair
from harness.analysis.statistics.intervals import Estimate, estimate_mean, to_percent
from harness.analysis.statistics.series import ArmPair, SessionData
from harness.model import Comparison, Experiment
from harness.model.record import SESSIONS_PER_RUN, Calibration, FalseAlarms, LabelSwap, SpikeDetection

POWER = 0.8
CONFIDENCE = 0.95

CalibrationRun = Sequence[SessionData]


def calibration_of(experiment: Experiment, sessions: CalibrationRun, spikes_us: dict[str, int]) -> Calibration:
    """Return the calibration from `sessions`, cut into runs of 8; `spikes_us` is the true spike by arm."""
    runs = [sessions[start : start + SESSIONS_PER_RUN] for start in range(0, len(sessions), SESSIONS_PER_RUN)]
    compared = [
        [comparison_of(judged) for judged in compare_pairs(RunEvidence(experiment, run), ("latency",))]
        for run in runs
        if len(run) == SESSIONS_PER_RUN
    ]
    twins = next(pair for pair in experiment.pairs if is_control_pair(experiment, pair))
    spread = _values(experiment, sessions, twins)
    return Calibration(
        aa=_alarms([_latency(run, twins[0]) for run in compared]),
        spikes=tuple(_spike(us, [_latency(run, arm) for run in compared]) for arm, us in spikes_us.items()),
        swap=_swap(experiment, runs[: len(compared)]),
        floor_percent=to_percent(_floor(estimate_mean(spread.log_ratio))),
        floor_us=_floor(estimate_mean(spread.difference)),
        seconds_per_run=SESSIONS_PER_RUN * fmean(session.record.seconds["total"] for session in sessions),
    )


def _latency(run: Sequence[Comparison], arm: str) -> Comparison:
    return next(comparison for comparison in run if comparison.arm == arm and comparison.metric == "latency")


def _alarms(twins: Sequence[Comparison]) -> FalseAlarms:
    alarms = sum(comparison.verdict in ("faster", "slower") for comparison in twins)
    low, high = clopper_pearson(alarms, len(twins))
    return FalseAlarms(runs=len(twins), alarms=alarms, percent_low=100 * low, percent_high=100 * high)


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate (Clopper and Pearson 1934)."""
    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return low, high


def _spike(us: int, comparisons: Sequence[Comparison]) -> SpikeDetection:
    known = [
        (interval.low, interval.value, interval.high)
        for comparison in comparisons
        if (interval := comparison.in_us) and interval.low is not None and interval.high is not None
    ]
    return SpikeDetection(
        us=us,
        runs=len(known),
        covered=sum(low <= us <= high for low, _, high in known),
        estimate_us=fmean(middle for _, middle, _ in known),
    )


def _swap(experiment: Experiment, runs: Sequence[CalibrationRun]) -> LabelSwap:
    """Return how many runs flip with swapped labels in every pair."""
    flipped = [all(_flips(experiment, run, pair) for pair in experiment.pairs) for run in runs]
    return LabelSwap(runs=len(flipped), flipped=sum(flipped))


def _flips(experiment: Experiment, run: CalibrationRun, pair: ArmPair) -> bool:
    both_ways = (pair, (pair[1], pair[0]))
    forward, back = (estimate_mean(_values(experiment, run, swapped).log_ratio) for swapped in both_ways)
    return math.isclose(forward.mean, -back.mean, abs_tol=1e-12) and math.isclose(forward.sd, back.sd, abs_tol=1e-12)


def _values(experiment: Experiment, sessions: CalibrationRun, pair: ArmPair) -> SessionValues:
    """Return the effect of a pair in each session."""
    return session_values(RunEvidence(experiment, sessions).series, pair_terms(pair, "latency"))


def _floor(spread: Estimate) -> float:
    """Return the effect that a run detects with 80 % power: (t_0.975 + t_0.8) standard errors (Cohen 1988)."""
    quantiles = [float(stdtrit(SESSIONS_PER_RUN - 1, share)) for share in ((1 + CONFIDENCE) / 2, POWER)]
    return sum(quantiles) * spread.sd / math.sqrt(SESSIONS_PER_RUN)
