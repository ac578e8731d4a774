"""Calibration on this machine: false alarms of A/A runs, detection of known spikes, and the noise floor."""

import math
from collections.abc import Sequence
from statistics import fmean

from scipy import stats

from harness.analysis.bursts import SessionData, over_rounds
from harness.analysis.comparisons import compare, is_control
from harness.analysis.effects import Pair, effects
from harness.analysis.estimate import Estimate, estimate, percent
from harness.model import Comparison, Experiment, Model

SESSIONS_PER_RUN = 8
POWER = 0.8
CONFIDENCE = 0.95

Run = Sequence[SessionData]


class Alarms(Model):
    """A/A runs in which an arm was called different, with the Clopper-Pearson interval of that rate."""

    runs: int
    alarms: int
    percent_low: float
    percent_high: float


class Spike(Model):
    """Runs whose interval contains the known difference, and the mean of their estimates."""

    us: int
    runs: int
    covered: int
    estimate_us: float


class Swap(Model):
    """Runs in which swapping two labels flips the sign of the estimate and changes nothing else."""

    runs: int
    flipped: int


class Calibration(Model):
    """The output of `barehop calibrate --json`. The floor holds for runs of `sessions_per_run` sessions."""

    format: int = 1
    aa: Alarms
    spikes: tuple[Spike, ...]
    swap: Swap
    floor_percent: float
    floor_us: float
    sessions_per_run: int = SESSIONS_PER_RUN
    seconds_per_run: float


def calibration_of(experiment: Experiment, sessions: Run, spikes_us: dict[str, int]) -> Calibration:
    """Return the calibration from `sessions`, cut into runs of 8; `spikes_us` is the true spike by arm."""
    runs = [sessions[start : start + SESSIONS_PER_RUN] for start in range(0, len(sessions), SESSIONS_PER_RUN)]
    compared = [compare(experiment, run) for run in runs if len(run) == SESSIONS_PER_RUN]
    twins = next(pair for pair in experiment.pairs if is_control(experiment, pair))
    ratio, difference_us = _spread(sessions, twins)
    return Calibration(
        aa=_alarms([_latency(run, twins[0]) for run in compared]),
        spikes=tuple(_spike(us, [_latency(run, arm) for run in compared]) for arm, us in spikes_us.items()),
        swap=_swap(experiment, runs[: len(compared)]),
        floor_percent=percent(_floor(ratio)),
        floor_us=_floor(difference_us),
        seconds_per_run=SESSIONS_PER_RUN * fmean(session.record.seconds["total"] for session in sessions),
    )


def _latency(run: Sequence[Comparison], arm: str) -> Comparison:
    return next(comparison for comparison in run if comparison.arm == arm and comparison.metric == "latency")


def _alarms(twins: Sequence[Comparison]) -> Alarms:
    alarms = sum(comparison.verdict in ("faster", "slower") for comparison in twins)
    interval = stats.binomtest(alarms, len(twins)).proportion_ci(CONFIDENCE)
    return Alarms(
        runs=len(twins), alarms=alarms, percent_low=100 * float(interval.low), percent_high=100 * float(interval.high)
    )


def _spike(us: int, comparisons: Sequence[Comparison]) -> Spike:
    intervals = [(comparison.us_low, comparison.us, comparison.us_high) for comparison in comparisons]
    known = [(low, middle, high) for low, middle, high in intervals if None not in (low, middle, high)]
    return Spike(
        us=us,
        runs=len(known),
        covered=sum(low <= us <= high for low, _, high in known if low is not None and high is not None),
        estimate_us=fmean(middle for _, middle, _ in known if middle is not None),
    )


def _swap(experiment: Experiment, runs: Sequence[Run]) -> Swap:
    """Return how many runs flip with swapped labels in every pair."""
    flipped = [all(_flips(run, pair) for pair in experiment.pairs) for run in runs]
    return Swap(runs=len(flipped), flipped=sum(flipped))


def _flips(run: Run, pair: Pair) -> bool:
    series = [over_rounds(session.record, "latency") for session in run]
    forward = estimate(effects(series, pair, "latency").log_ratio)
    back = estimate(effects(series, (pair[1], pair[0]), "latency").log_ratio)
    return math.isclose(forward.mean, -back.mean, abs_tol=1e-12) and math.isclose(forward.sd, back.sd, abs_tol=1e-12)


def _spread(sessions: Run, pair: Pair) -> tuple[Estimate, Estimate]:
    """Return the A/A effect over sessions: as a log ratio, and in microseconds."""
    values = effects([over_rounds(session.record, "latency") for session in sessions], pair, "latency")
    return estimate(values.log_ratio), estimate(values.difference_us)


def _floor(spread: Estimate) -> float:
    """Return the effect that a run detects with 80 % power: (t_0.975 + t_0.8) standard errors (Cohen 1988)."""
    degrees_of_freedom = SESSIONS_PER_RUN - 1
    factor = float(stats.t.ppf((1 + CONFIDENCE) / 2, degrees_of_freedom) + stats.t.ppf(POWER, degrees_of_freedom))
    return factor * spread.sd / math.sqrt(SESSIONS_PER_RUN)
