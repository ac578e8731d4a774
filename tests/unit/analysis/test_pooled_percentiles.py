"""Percentiles of all sessions together: values, limits, and how often their intervals and differences hold."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.analysis.statistics.pooled import (
    OPEN_INTERVAL,
    TOO_FEW_REQUESTS,
    TOO_FEW_SESSIONS,
    UNLIKE_SESSIONS,
    pooled_percentile,
    resampled_percentile,
)
from harness.analysis.statistics.resampling import ResampledEstimate, draw_sessions
from harness.analysis.statistics.series import SessionData
from harness.model import Summary, TailEffect
from tests.support.factorial_sessions import summary_of
from tests.support.simulated_sessions import Floats, experiment_of
from tests.unit.analysis.test_tails import timed

EXPERIMENTS, SESSIONS, REQUESTS, BURST = 200, 12, 200, 4
FEWEST_OF_VALUES, FEWEST_OF_DIFFERENCES = (8, 252), (8, 128)  # sessions and requests: 20 and 10 requests beyond p99


class Draw(Protocol):
    """Draws experiments from a world."""

    def __call__(
        self, rng: np.random.Generator, experiments: int, sessions: int = SESSIONS, requests: int = REQUESTS
    ) -> Floats: ...


@cache
def draws_of(sessions: int) -> NDArray[np.int64]:
    return draw_sessions(sessions)[:999]


def world(
    *,
    differ: float = 0.03,
    drift: float = 0.0,
    slow_visits: float = 0.0,
    lost: Sequence[float] = (0.0,),
    stalls: float = 0.0,
) -> Draw:
    """Return a world of two equal arms, whose times are (experiments, sessions, arms, requests).

    Sessions `differ` in level, both arms `drift` together, a share of visits is slow as a whole, requests have `lost`
    CPU time, in each session another share of them, and a share `stalls` for 4 ms, with nothing in between.
    """

    def draw(rng: np.random.Generator, experiments: int, sessions: int = SESSIONS, requests: int = REQUESTS) -> Floats:
        shape = (experiments, sessions, 2, requests // BURST)
        steps = rng.normal(0, drift / math.sqrt(shape[3]), (experiments, sessions, 1, shape[3]))
        levels = rng.normal(0, differ, (experiments, sessions, 1, 1)) + np.cumsum(steps, axis=3)
        visits = levels + rng.normal(0, 0.01, (*shape[:3], 1)) + rng.normal(0, 0.05, shape)
        visits = visits + (rng.random(shape) < slow_visits) * rng.exponential(1.0, shape)
        times_us = 600 * np.exp(visits[..., None] + 0.08 * rng.standard_t(4, (*shape, BURST)))
        shares = rng.choice(lost, (experiments, sessions, 1, 1, 1))
        lost_us = (rng.random(times_us.shape) < shares) * rng.exponential(900, times_us.shape)
        stalled_us = (rng.random(times_us.shape) < stalls) * (4000 + rng.exponential(100, times_us.shape))
        return np.asarray(times_us + lost_us + stalled_us).reshape(*shape[:3], -1)

    return draw


WORLDS = {
    "sessions alike": world(differ=0),
    "sessions that differ": world(differ=0.06),
    "drift": world(drift=0.1, lost=(0.01,)),
    "slow visits": world(slow_visits=0.01),
    "lost CPU time in some sessions": world(lost=(0.001, 0.01, 0.03)),
    "stalls of exactly 1 %": world(stalls=0.01),
}


@pytest.mark.parametrize("size", [(SESSIONS, REQUESTS), FEWEST_OF_VALUES])
@pytest.mark.parametrize("draw", WORLDS.values(), ids=WORLDS.keys())
def test_the_interval_of_p99_covers_the_truth_in_93_percent_and_more(draw: Draw, size: tuple[int, int]) -> None:
    truth = float(np.mean([np.percentile(draw(np.random.default_rng(seed), 200), 99) for seed in range(10, 16)]))
    runs = draw(np.random.default_rng(1), EXPERIMENTS, *size)
    values = [pooled_percentile(list(run[:, 0]), 99, 0.95) for run in runs]
    intervals = [(value.low, value.high) for value in values if value.low is not None and value.high is not None]
    assert len(intervals) > 0.6 * EXPERIMENTS
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.93


@pytest.mark.parametrize("size", [(SESSIONS, REQUESTS), FEWEST_OF_DIFFERENCES])
@pytest.mark.parametrize("draw", WORLDS.values(), ids=WORLDS.keys())
def test_two_equal_arms_differ_in_p99_in_7_percent_at_most(draw: Draw, size: tuple[int, int]) -> None:
    estimates = [difference(run) for run in draw(np.random.default_rng(2), EXPERIMENTS, *size)]
    covered = [low <= 0 <= high for low, high in (estimate.interval(0.95) for estimate in estimates)]
    assert np.mean(covered) >= 0.93
    assert np.mean([estimate.p < 0.05 for estimate in estimates]) <= 0.07


def test_a_difference_of_a_third_is_found_and_covered() -> None:
    runs = WORLDS["drift"](np.random.default_rng(3), 40) * np.array([1, 1.35])[:, None]
    intervals = [difference(run).interval(0.95) for run in runs]
    assert np.mean([low <= math.log(1.35) <= high for low, high in intervals]) >= 0.9
    assert np.mean([low > 0 for low, _ in intervals]) >= 0.8


def difference(run: Floats) -> ResampledEstimate:
    sessions = len(run)
    first, second = (np.log(resampled_percentile(list(run[:, arm]), 99, draws_of(sessions))) for arm in (0, 1))
    return ResampledEstimate.of(second - first, sessions)


def test_the_ends_are_the_times_that_a_binomial_share_gives_where_sessions_are_alike() -> None:
    """1000 times from 1001 to 2000, dealt out one by one to 10 sessions, are worth 1000 requests: 82 to 121 beyond."""
    value = pooled_percentile(list(np.arange(1001.0, 2001.0).reshape(100, 10).T), 90, 0.95)
    assert value.value == pytest.approx(1900, abs=1)
    assert value.low == pytest.approx(2000 - 121, abs=3)
    assert value.high == pytest.approx(2000 - 82, abs=3)


def test_a_resample_is_the_percentile_of_the_sessions_that_it_has() -> None:
    times_us = [np.arange(10.0) + 100 * session for session in range(3)]
    draws = np.array([[1, 1, 1], [3, 0, 0], [0, 0, 3], [2, 1, 0]])
    assert resampled_percentile(times_us, 90, draws).tolist() == [pytest.approx(206.1), 206, 8, 208, 106]


@pytest.mark.parametrize(
    ("times_us", "why"),
    [
        ([np.arange(1.0, 201.0)] * 7, TOO_FEW_SESSIONS),
        ([np.arange(1.0, 250.0)] * 8, TOO_FEW_REQUESTS),
        ([np.arange(1.0, 301.0) * (1 + session) for session in range(8)], UNLIKE_SESSIONS),
        ([np.full(400, 1.0)] * 7 + [np.r_[np.full(250, 1.0), np.arange(1000.0, 1150.0)]], OPEN_INTERVAL),
        ([np.arange(1.0, 301.0)] * 8, ""),
    ],
)
def test_without_enough_evidence_there_is_a_value_and_no_interval(times_us: Sequence[Floats], why: str) -> None:
    value = pooled_percentile(times_us, 99, 0.95)
    assert value.value > 0
    assert value.why == why
    assert (value.low is None, value.high is None) == (bool(why), bool(why))


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999, 0.999999])
def test_p_is_where_the_interval_ends_at_zero(confidence: float) -> None:
    estimate = ResampledEstimate.of(np.r_[0.0, np.random.default_rng(4).normal(0, 1, 4999)], 12)
    for end in estimate.interval(confidence):
        shifted = ResampledEstimate(estimate.mean - end, estimate.sd, 12, estimate.resamples - end)
        assert shifted.p == pytest.approx(1 - confidence, rel=0.02)


def test_more_confidence_gives_a_wider_interval_beyond_the_resamples_too() -> None:
    estimate = ResampledEstimate.of(np.r_[0.0, np.random.default_rng(4).exponential(1, 4999) - 1], 8)
    widths = [high - low for low, high in map(estimate.interval, (0.5, 0.9, 0.95, 0.99, 0.9999, 0.999999))]
    assert widths == sorted(widths)
    assert estimate.half_width(0.95) == estimate.interval(0.95)[1]


def run_of(arms: str, factor: float = 1.3, sessions: int = 8) -> Summary:
    """Return a run in which each session has 200 requests of each arm; "b" takes `factor` times as long."""
    times_us = 100 + np.random.default_rng(5).gamma(1, 30, (sessions, 200))
    numbered = [timed(number, a=of_session, b=factor * of_session) for number, of_session in enumerate(times_us, 1)]
    return summary_of(experiment_of(*arms, control=False), numbered)


def p99(summary: Summary) -> TailEffect:
    return next(effect for effect in summary.tails if effect.percentile == 99)


def test_an_arm_has_p99_of_all_sessions_and_p90_of_each() -> None:
    arm = run_of("ab").arms["a"]
    assert (arm.percentiles["p90"].pooled, arm.percentiles["p99"].pooled) == (False, True)
    assert arm.p99_us == arm.percentiles["p99"].value
    assert list(arm.tails) == ["p90"]


def test_a_pooled_effect_stands_among_the_effects_by_the_name_of_its_percentile() -> None:
    summary = run_of("ab")
    effect = next(effect for effect in summary.effects if effect.metric == "p99")
    assert (p99(summary).pooled, p99(summary).verdict) == (True, "slower")
    assert p99(summary).percent == pytest.approx(30, rel=1e-3)
    assert (effect.kind, effect.verdict, effect.sessions, effect.family) == (
        "percentile",
        "slower",
        8,
        "percentile, latency",
    )
    assert effect.percent is not None
    assert effect.percent.value == p99(summary).percent


def test_exchanged_labels_change_only_the_sign() -> None:
    there, back = p99(run_of("ab")), p99(run_of("ba"))
    assert there.us == pytest.approx(-(back.us or 0))
    assert there.us_low == pytest.approx(-(back.us_high or 0))
    assert there.us_high == pytest.approx(-(back.us_low or 0))
    assert there.p == pytest.approx(back.p)
    assert (there.verdict, back.verdict) == ("slower", "faster")


def test_the_order_of_the_sessions_does_not_matter() -> None:
    times_us = np.random.default_rng(6).gamma(1, 30, (8, 2, 200))
    sessions: list[SessionData] = [timed(number, a=pair[0], b=pair[1]) for number, pair in enumerate(times_us, 1)]
    experiment = experiment_of("a", "b", control=False)
    assert p99(summary_of(experiment, sessions)) == p99(summary_of(experiment, sessions[::-1]))


def test_seven_sessions_give_values_and_neither_interval_nor_verdict() -> None:
    summary = run_of("ab", sessions=7)
    assert summary.arms["a"].percentiles["p99"].why == TOO_FEW_SESSIONS
    assert (p99(summary).percent, p99(summary).verdict) == (None, None)
    assert p99(summary).why == "7 sessions have times of both arms; an interval needs 8."
