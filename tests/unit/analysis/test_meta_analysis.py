"""Effects over hosts: against statsmodels, and the coverage of both intervals in simulated fleets."""

import math
from functools import cache
from statistics import fmean

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from harness.analysis.statistics.intervals import Estimate
from harness.analysis.statistics.meta_analysis import (
    MIN_HOSTS_TO_PREDICT,
    analyse_hosts,
    hosts_apart,
    moderate_errors,
    pool_runs_of_host,
)

TRUTH = math.log(0.95)
FLEETS = 1500
Fleet = list[Estimate]


def fleet(rng: np.random.Generator, hosts: int, tau: float, fewest_sessions: int = 8) -> Fleet:
    """Hosts of 8 to 30 sessions whose deviations differ: two thirds of them within a factor of 1.6 of 1 %."""
    estimates = []
    for _ in range(hosts):
        sessions, sd = int(rng.integers(fewest_sessions, 31)), 0.01 * math.exp(rng.normal(0, 0.5))
        mean = rng.normal(rng.normal(TRUTH, tau), sd / math.sqrt(sessions))
        measured_sd = sd * math.sqrt(rng.chisquare(sessions - 1) / (sessions - 1))
        estimates.append(Estimate(float(mean), measured_sd, sessions))
    return estimates


def columns(estimates: Fleet) -> tuple[list[float], list[float]]:
    return [estimate.mean for estimate in estimates], [estimate.standard_error for estimate in estimates]


@cache
def coverage_percent(hosts: int, tau: float) -> tuple[float, float]:
    """How often the interval of the mean covers the truth, and the prediction the effect on a new host."""
    rng = np.random.default_rng(20)
    covered, predicted = [], []
    for _ in range(FLEETS):
        analysis = analyse_hosts(*columns(moderate_errors(fleet(rng, hosts, tau))))
        low, high = analysis.estimate.interval(0.95)
        covered.append(low <= TRUTH <= high)
        low, high = analysis.prediction()
        predicted.append(low <= rng.normal(TRUTH, tau) <= high)
    return 100 * fmean(covered), 100 * fmean(predicted)


@pytest.mark.parametrize("hosts", [3, 5, 10, 30])
@pytest.mark.parametrize("tau", [0.0, 0.03])
def test_the_interval_over_hosts_covers_the_truth(hosts: int, tau: float) -> None:
    assert 93 <= coverage_percent(hosts, tau)[0] <= 97


@pytest.mark.parametrize("hosts", [MIN_HOSTS_TO_PREDICT, 10, 30])
@pytest.mark.parametrize("tau", [0.0, 0.03])
def test_the_prediction_covers_a_new_host(hosts: int, tau: float) -> None:
    assert 92 <= coverage_percent(hosts, tau)[1] <= 98


@pytest.mark.parametrize("tau", [0.0, 0.002, 0.03])
@pytest.mark.parametrize("hosts", [3, 8, 30])
def test_the_numbers_are_those_of_statsmodels(hosts: int, tau: float) -> None:
    means, errors = columns(fleet(np.random.default_rng(hosts), hosts, tau))

    ours = analyse_hosts(means, errors)
    theirs = combine_effects(np.array(means), np.square(errors), method_re="iterated", use_t=True, atol=1e-10)

    assert ours.tau**2 == pytest.approx(theirs.tau2, rel=1e-6, abs=1e-12)
    assert ours.mean == pytest.approx(theirs.mean_effect_re, rel=1e-6)
    assert ours.standard_error == pytest.approx(theirs.sd_eff_w_re_hksj, rel=1e-6)
    assert ours.i2_percent == pytest.approx(100 * max(theirs.i2, 0), rel=1e-6)
    low, high = theirs.conf_int(alpha=0.05, use_t=True)[3]  # random effects with HKSJ
    assert ours.estimate.interval(0.95) == pytest.approx((low, high), rel=1e-6)


def test_weights_add_up_and_a_tight_host_has_the_most() -> None:
    analysis = analyse_hosts([0.0, 0.001, -0.001], [0.001, 0.01, 0.01])

    assert math.fsum(analysis.weights) == pytest.approx(1)
    assert analysis.weights[0] == max(analysis.weights)


def test_swapping_the_labels_flips_the_sign_and_nothing_else() -> None:
    means, errors = columns(fleet(np.random.default_rng(4), 6, 0.03))
    there, back = analyse_hosts(means, errors), analyse_hosts([-mean for mean in means], errors)

    assert back.mean == pytest.approx(-there.mean)
    assert (back.standard_error, back.tau) == pytest.approx((there.standard_error, there.tau))


def test_hosts_that_agree_exactly_have_no_tau() -> None:
    analysis = analyse_hosts([0.1, 0.1, 0.1], [0.0, 0.0, 0.0])

    assert (analysis.mean, analysis.tau, analysis.i2_percent) == pytest.approx((0.1, 0, 0))


def test_errors_of_hosts_alike_become_equal_and_of_hosts_unlike_stay_apart() -> None:
    rng = np.random.default_rng(2)
    alike = [Estimate(0.0, 0.01 * math.sqrt(rng.chisquare(7) / 7), 8) for _ in range(40)]
    unlike = [Estimate(0.0, 0.01 * math.exp(rng.normal(0, 1.5)), 8) for _ in range(40)]

    def spread(estimates: Fleet) -> float:
        return float(np.std([math.log(estimate.sd) for estimate in estimates]))

    assert spread(moderate_errors(alike)) < 0.3 * spread(alike)
    assert spread(moderate_errors(unlike)) > 0.8 * spread(unlike)


def test_one_run_has_nothing_to_lean_on() -> None:
    run = Estimate(0.1, 0.01, 8)

    assert moderate_errors([run]) == [run]


def test_runs_of_a_host_that_agree_narrow_its_error_and_runs_that_differ_widen_it() -> None:
    run = Estimate(0.0, 0.01, 9)
    agree = pool_runs_of_host([run, run])
    differ = pool_runs_of_host([run, Estimate(0.1, 0.01, 9)])

    assert agree.standard_error == pytest.approx(run.standard_error / math.sqrt(2))
    assert differ.mean == pytest.approx(0.05)
    assert differ.standard_error == pytest.approx(0.05)
    assert differ.sessions == 17


def test_a_host_far_from_the_others_is_set_apart_and_no_host_of_a_fleet_alike() -> None:
    rng = np.random.default_rng(7)
    alarms = [bool(hosts_apart(*columns(moderate_errors(fleet(rng, 8, 0.03))))) for _ in range(300)]
    means, errors = columns(fleet(rng, 8, 0.01))
    means[3] += 0.3

    assert fmean(alarms) <= 0.1
    assert [item.host for item in hosts_apart(means, errors)] == [3]


def test_three_hosts_cannot_tell_which_of_them_stands_apart() -> None:
    assert hosts_apart([0.0, 0.0, 1.0], [0.01, 0.01, 0.01]) == []
