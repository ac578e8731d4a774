"""The difference of two means agrees with scipy's, and its interval with the truth."""

import numpy as np
import pytest
from scipy import stats

from harness.analysis.statistics.inference import Estimate, judge, welch_difference
from harness.analysis.statistics.series import Series, centre_of_rounds
from tests.support.simulated_sessions import World

RUNS = 1000
CHANCE = 3 * np.sqrt(0.05 * 0.95 / RUNS)  # how far a true rate of 5 % strays
QUIET = World(sessions=8, rounds=20, session_sd=0.003)
BUSY = World(sessions=15, rounds=20, session_sd=0.02)


def session_effects(world: World, seed: int, factor: float) -> Series:
    """Log ratios of an arm that takes `factor` times its reference, (runs, sessions)."""
    times_us = world.times_us(np.random.default_rng(seed), RUNS, factors=[1, factor])
    return np.asarray(centre_of_rounds(np.log(times_us[..., 1]) - np.log(times_us[..., 0]), "median"))


def steps(base: float, other: float) -> list[Estimate]:
    """From a quiet machine, where the arm takes `base` times its reference, to a busy one, where it takes `other`."""
    here, there = session_effects(QUIET, 1, base), session_effects(BUSY, 2, other)
    return [welch_difference(one, another) for one, another in zip(here, there, strict=True)]


def test_the_95_percent_interval_of_a_change_covers_the_truth_in_93_to_97_percent() -> None:
    truth = np.log(0.97 / 0.89)

    intervals = [step.interval(0.95) for step in steps(0.89, 0.97)]

    assert 0.93 <= np.mean([low <= truth <= high for low, high in intervals]) <= 0.97


def test_runs_of_the_same_thing_differ_in_5_percent_of_comparisons_at_most() -> None:
    verdicts = [judge(step, step.p, 1e-9) for step in steps(0.89, 0.89)]

    assert 0.02 < 1 - verdicts.count("undecided") / RUNS <= 0.05 + CHANCE


@pytest.mark.parametrize("sizes", [(8, 8), (2, 30), (12, 9)])
def test_the_difference_is_what_scipy_says_but_for_degrees_of_freedom_rounded_down(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    base, other = rng.normal(0, 0.01, sizes[0]), rng.normal(0.02, 0.03, sizes[1])

    found, expected = welch_difference(base, other), stats.ttest_ind(other, base, equal_var=False)

    assert found.mean == pytest.approx(np.mean(other) - np.mean(base))
    assert found.mean / found.standard_error == pytest.approx(expected.statistic)
    assert 0 <= expected.df - (found.sessions - 1) < 1
    assert found.p >= expected.pvalue * (1 - 1e-9)


def test_equal_runs_have_all_their_degrees_of_freedom() -> None:
    for sessions in range(2, 40):
        values = np.random.default_rng(sessions).normal(0, 0.01, sessions)

        assert welch_difference(values, values + 0.1).sessions == 2 * sessions - 1


def test_the_way_back_is_the_way_there() -> None:
    rng = np.random.default_rng(5)
    base, other = rng.normal(0, 0.01, 9), rng.normal(0, 0.02, 14)

    there, back = welch_difference(base, other), welch_difference(other, base)

    assert (back.mean, back.sd, back.sessions) == (-there.mean, there.sd, there.sessions)


def test_runs_whose_sessions_all_agree_leave_no_doubt() -> None:
    step = welch_difference(np.full(8, 0.1), np.full(8, 0.2))

    assert (step.standard_error, step.sessions, step.p) == (0, 15, 0)
