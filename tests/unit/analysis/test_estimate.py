"""Student's t on session values, and what does without it."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.statistics.intervals import (
    bootstrap_interval,
    estimate_mean,
    robustness_checks,
    sign_flip_p,
    to_percent,
)
from harness.analysis.statistics.series import centre_of_rounds
from tests.support.simulated_sessions import World, log_estimates


def test_interval_and_p_are_those_of_the_one_sample_t_test() -> None:
    values = np.array([0.11, 0.09, 0.13, 0.10, 0.12, 0.08])
    expected = stats.ttest_1samp(values, 0)
    for confidence in (0.90, 0.95):
        interval = expected.confidence_interval(confidence)
        assert estimate_mean(values).interval(confidence) == pytest.approx((interval.low, interval.high))
    assert estimate_mean(values).p == pytest.approx(expected.pvalue)


def test_a_textbook_interval() -> None:
    """Mean 3, s = 1.5811, n = 5: 3 +- 2.776 * 1.5811 / sqrt(5)."""
    assert estimate_mean(np.array([1.0, 2, 3, 4, 5])).interval(0.95) == pytest.approx((1.0368, 4.9632), abs=1e-4)


@pytest.mark.parametrize(("value", "p"), [(0.1, 0.0), (0.0, 1.0)])
def test_sessions_that_all_agree_give_a_point_and_a_certain_p(value: float, p: float) -> None:
    agreed = estimate_mean(np.full(4, value))
    assert agreed.interval(0.95) == (value, value)
    assert agreed.p == p


def test_the_order_of_the_values_leaves_no_trace() -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 31)
    assert estimate_mean(values) == estimate_mean(values[::-1])
    assert robustness_checks(values) == robustness_checks(values[::-1])


def test_log_ratios_read_as_percent() -> None:
    assert to_percent(math.log(1.1)) == pytest.approx(10)
    assert to_percent(math.log(0.9)) == pytest.approx(-10)


def test_bootstrap_and_sign_flip_agree_with_t_on_a_simulated_experiment() -> None:
    times_us = World(sessions=30).times_us(np.random.default_rng(7), 1, factors=[1, 1.02])
    by_t = log_estimates(times_us, "latency")[0]
    values = centre_of_rounds(np.log(times_us[0, ..., 1]) - np.log(times_us[0, ..., 0]), "median")
    assert bootstrap_interval(values) == pytest.approx(by_t.interval(0.95), abs=0.15 * by_t.half_width(0.95))
    assert sign_flip_p(values) < 0.001
    assert by_t.p < 0.001


def test_the_bootstrap_of_swapped_labels_is_its_mirror_image() -> None:
    values = np.random.default_rng(9).exponential(1, 10)
    low, high = bootstrap_interval(values)
    assert bootstrap_interval(-values) == (-high, -low)


def test_the_sign_flip_test_is_exact_when_sessions_are_few() -> None:
    """Of the 8 sign patterns of 1, 2, 3 only all plus and all minus reach a mean of 2."""
    assert sign_flip_p(np.array([1.0, 2, 3])) == pytest.approx(2 / 8)


def test_sign_flip_p_is_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(8)
    ps = [sign_flip_p(rng.normal(0, 1, 8)) for _ in range(300)]
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(ps) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("values", [[0.1, 0.1, 0.1], [0.0, 0.0], [0.1, 0.1, 0.1 + 2e-17], [-0.2, 0.2]])
def test_checks_of_hardly_varying_sessions_are_numbers(values: list[float]) -> None:
    assert all(math.isfinite(value) for value in robustness_checks(np.array(values)).values())
