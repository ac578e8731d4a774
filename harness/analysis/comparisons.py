"""Every pair of an experiment compared on every metric, corrected together, each with its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.analysis.bursts import SessionData, over_rounds
from harness.analysis.checks import checks
from harness.analysis.effects import Effects, Pair, effects
from harness.analysis.estimate import Estimate, estimate, percent
from harness.analysis.failures import counted, failures
from harness.analysis.lateness import unless_late
from harness.analysis.looks import ErrorRate, error_rate_of
from harness.analysis.verdict import Ruling, rulings
from harness.experiment.search import searches
from harness.model import Comparison, Experiment, Metric

FEWEST_SESSIONS = 2
CONFIDENCE = 0.95
NUMBERS = ("percent", "percent_low", "percent_high", "us", "us_low", "us_high", "p")

Fields = dict[str, Any]


def compare(
    experiment: Experiment, sessions: Sequence[SessionData], looks: Sequence[int] = ()
) -> tuple[Comparison, ...]:
    """The comparisons pair by pair: latency, mean and, where CPU time was read, cpu.

    `looks` are the numbers of sessions after which the run could have stopped: intervals and verdicts are as sure as
    that asks. A pair with failed requests keeps its numbers but gets no verdict; with fewer than 2 sessions it has
    neither.
    """
    error_rate = error_rate_of(looks)
    metrics: tuple[Metric, ...] = ("capacity", "cpu") if searches(experiment) else ("latency", "mean", "cpu")
    by_metric = [_on_metric(experiment, sessions, metric, error_rate) for metric in metrics]
    found = (one[pair] for pair in experiment.pairs for one in by_metric if pair in one)
    return tuple(one if one.metric == "cpu" else unless_late(one, sessions) for one in found)


def is_control(experiment: Experiment, pair: Pair) -> bool:
    """Whether the pair is an arm against itself under a second name."""
    arm, against = pair
    return experiment.arm(arm).control_of == against


def _on_metric(
    experiment: Experiment, sessions: Sequence[SessionData], metric: Metric, error_rate: ErrorRate
) -> dict[Pair, Comparison]:
    series = [over_rounds(session.record, metric) for session in sessions]
    seen = {pair: effects(series, pair, metric) for pair in experiment.pairs}
    ruled = _rulings(experiment, _estimates(seen), error_rate)
    failed = failures(session.record for session in sessions)
    return {
        pair: Comparison(
            arm=pair[0],
            against=pair[1],
            metric=metric,
            **_judged(seen[pair], ruled.get(pair), _excuse(pair, failed), error_rate),
        )
        for pair in experiment.pairs
        if metric != "cpu" or seen[pair].log_ratio.size
    }


def _estimates(seen: Mapping[Pair, Effects]) -> dict[Pair, Estimate]:
    return {pair: estimate(found.log_ratio) for pair, found in seen.items() if found.log_ratio.size >= FEWEST_SESSIONS}


def _rulings(experiment: Experiment, estimates: Mapping[Pair, Estimate], error_rate: ErrorRate) -> dict[Pair, Ruling]:
    """The questions of the experiment share Holm's correction; a control is judged alone, without it."""
    margin = experiment.design.equivalence_percent
    questions = [pair for pair in estimates if not is_control(experiment, pair)]
    together = rulings([estimates[pair] for pair in questions], margin, error_rate)
    alone = {
        pair: replace(*rulings([estimates[pair]], margin, error_rate), p_adjusted=None)
        for pair in estimates
        if is_control(experiment, pair)
    }
    return dict(zip(questions, together, strict=True)) | alone


def _judged(seen: Effects, ruling: Ruling | None, excuse: str, error_rate: ErrorRate) -> Fields:
    if ruling is None:
        return {**dict.fromkeys(NUMBERS), "verdict": None, "why": excuse or _too_few(seen.log_ratio.size)}
    numbers = {**_numbers(seen, error_rate), "p_adjusted": ruling.p_adjusted}
    if excuse:
        return {**numbers, "verdict": None, "why": excuse}
    return {**numbers, "verdict": ruling.verdict, "sessions_to_decide": ruling.sessions_to_decide}


def _numbers(seen: Effects, error_rate: ErrorRate) -> Fields:
    ratio, difference_us = estimate(seen.log_ratio), estimate(seen.difference_us)
    confidence = 1 - error_rate(ratio.sessions)
    low, high = ratio.interval(confidence)
    us_low, us_high = difference_us.interval(confidence)
    return {
        "confidence": confidence,
        "percent": percent(ratio.mean),
        "percent_low": percent(low),
        "percent_high": percent(high),
        "us": difference_us.mean,
        "us_low": us_low,
        "us_high": us_high,
        "p": ratio.p,
        "checks": checks(seen.log_ratio, confidence),
    }


def _too_few(sessions: int) -> str:
    have = "1 session has" if sessions == 1 else f"{sessions} sessions have"
    return f"{have} times of both arms; an interval needs {FEWEST_SESSIONS}."


def _excuse(pair: Pair, failed: Mapping[str, Mapping[str, int]]) -> str:
    """Why a pair deserves no verdict however good its numbers look; empty when it does."""
    counts = " and ".join(f"{arm} had {counted(failed[arm])}" for arm in pair if arm in failed)
    return f"{counts}; throughput of errors is not throughput." if counts else ""
