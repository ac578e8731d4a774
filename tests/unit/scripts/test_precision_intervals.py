"""What the ways of repeating a measurement make of the same runs."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from scripts.precision_study.intervals import Interval, alarms_hold, independent, paired

REPEATS = 400
RUNS = 30


def around(log_mean: float, sd: float, runs: int, seed: int) -> list[float]:
    return list(np.exp(np.random.default_rng(seed).normal(log_mean, sd, runs)))


def alarm_share(drift: float, way: str) -> float:
    """How often the same thing twice is called different: in blocks one after the other, or in turn."""
    alarms = 0
    for seed in range(REPEATS):
        random = np.random.default_rng(seed)
        machine = np.cumsum(random.normal(0, drift, 2 * RUNS)) + random.normal(0, 0.01, 2 * RUNS)
        runs = np.exp(machine)
        if way == "blocks":
            alarms += independent(list(runs[:RUNS]), list(runs[RUNS:])).excludes_zero
        else:
            alarms += paired(list(runs[::2]), list(runs[1::2])).excludes_zero
    return alarms / REPEATS


def test_independent_runs_give_the_interval_of_welch() -> None:
    arm, reference = around(0.1, 0.02, 12, seed=1), around(0, 0.05, 12, seed=2)
    found = independent(arm, reference)
    textbook = stats.ttest_ind(np.log(arm), np.log(reference), equal_var=False).confidence_interval(0.95)
    # whole degrees of freedom make it a little wider than scipy's
    assert found.percent_low == pytest.approx(100 * math.expm1(textbook.low), rel=0.02)
    assert found.percent_high == pytest.approx(100 * math.expm1(textbook.high), rel=0.02)
    assert found.percent_low <= 100 * math.expm1(textbook.low)


def test_paired_runs_give_the_interval_of_student() -> None:
    arm, reference = around(0.1, 0.02, 12, seed=1), around(0, 0.02, 12, seed=2)
    textbook = stats.ttest_rel(np.log(arm), np.log(reference)).confidence_interval(0.95)
    found = paired(arm, reference)
    assert found.percent_low == pytest.approx(100 * math.expm1(textbook.low))
    assert found.percent_high == pytest.approx(100 * math.expm1(textbook.high))


def test_what_both_runs_of_a_round_share_cancels_only_in_pairs() -> None:
    shared = np.linspace(1, 2, 20)
    arm, reference = list(1.1 * shared * around(0, 0.001, 20, 1)), list(shared * np.array(around(0, 0.001, 20, 2)))
    assert paired(arm, reference).half_width_percent < 0.2
    assert independent(arm, reference).half_width_percent > 10


@pytest.mark.parametrize("way", ["blocks", "rounds"])
def test_a_machine_that_does_not_drift_gives_as_many_alarms_as_intervals_promise(way: str) -> None:
    assert 0.02 < alarm_share(0, way) < 0.09


def test_a_machine_that_drifts_gives_false_alarms_to_blocks_alone() -> None:
    assert alarm_share(0.01, "blocks") > 0.5
    assert alarm_share(0.01, "rounds") < 0.09


def test_the_unit_of_the_times_does_not_matter() -> None:
    arm, reference = around(0.1, 0.02, 12, seed=1), around(0, 0.05, 12, seed=2)
    thousandfold = [1000 * time for time in arm], [1000 * time for time in reference]
    assert independent(*thousandfold).percent_low == pytest.approx(independent(arm, reference).percent_low)
    assert paired(*thousandfold).percent_low == pytest.approx(paired(arm, reference).percent_low)


@pytest.mark.parametrize(("low", "high", "excludes"), [(-1.0, 1.0, False), (0.1, 2.0, True), (-2.0, -0.1, True)])
def test_an_interval_on_one_side_of_zero_is_an_alarm(low: float, high: float, excludes: bool) -> None:
    interval = Interval(percent=(low + high) / 2, percent_low=low, percent_high=high)
    assert interval.excludes_zero == excludes
    assert interval.half_width_percent == pytest.approx((high - low) / 2)


@pytest.mark.parametrize(("repeats", "most"), [(1, 0), (4, 1), (10, 2), (100, 9)])
def test_so_many_false_alarms_can_be_chance_and_no_more(repeats: int, most: int) -> None:
    verdicts = [alarms_hold(alarms, repeats) for alarms in range(repeats + 1)]
    assert all(verdicts[: most + 1])
    assert not any(verdicts[most + 1 :])
    assert all(before >= after for before, after in pairwise(verdicts))
