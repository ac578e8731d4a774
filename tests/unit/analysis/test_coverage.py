"""Over a thousand simulated experiments the intervals and verdicts are wrong as often as they say, no more."""

from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis.statistics.intervals import Estimate
from harness.analysis.statistics.verdict import corrected_verdicts
from tests.support.simulated_sessions import World, log_estimates, us_estimates

EXPERIMENTS = 1000
CHANCE = 3 * np.sqrt(0.05 * 0.95 / EXPERIMENTS)  # how far a true rate of 5 % strays
NEGLIGIBLE = 1e-9  # a margin so narrow that no equivalence hides a false alarm
METRICS: tuple[str, ...] = ("latency", "mean", "cpu")
WORLDS = {
    "busy": World(),
    "drifting": World(drift=0.1, stolen=0),
    "stolen": World(stolen=0.15, stolen_us=5000),
    "remembering": World(memory=0.95, noise=0.1),
    "few sessions that differ": World(sessions=4, session_sd=0.05),
}


def coverage(estimates: Sequence[Estimate], truth: float) -> float:
    intervals = [estimate.interval(0.95) for estimate in estimates]
    return float(np.mean([low <= truth <= high for low, high in intervals]))


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_the_95_percent_interval_of_the_ratio_covers_the_truth_in_93_to_97_percent(world: World) -> None:
    times_us = world.times_us(np.random.default_rng(1), EXPERIMENTS, factors=[1, 1.12])
    for metric in METRICS[:2]:
        assert 0.93 <= coverage(log_estimates(times_us, metric), np.log(1.12)) <= 0.97


def test_the_interval_in_microseconds_covers_a_known_cost() -> None:
    times_us = World(session_sd=0).times_us(np.random.default_rng(2), EXPERIMENTS, factors=[1, 1])
    times_us[..., 1] += 20
    for metric in METRICS[:2]:
        assert 0.93 <= coverage(us_estimates(times_us, metric), 20) <= 0.97


def test_cpu_time_in_coarse_steps_is_covered_too() -> None:
    rng = np.random.default_rng(3)
    burst_us = 8 * World(drift=0.01).times_us(rng, EXPERIMENTS, factors=[1, 1.12])
    read_us = 1000 * np.floor(burst_us / 1000 + rng.random(burst_us.shape))
    assert 0.93 <= coverage(log_estimates(read_us, "cpu"), np.log(1.12)) <= 0.97


@pytest.mark.parametrize("metric", METRICS[:2])
def test_the_same_thing_under_four_names_alarms_in_5_percent_of_experiments_at_most(metric: str) -> None:
    times_us = World(rounds=30).times_us(np.random.default_rng(4), EXPERIMENTS, factors=[1, 1, 1, 1])
    families = zip(*(log_estimates(times_us, metric, arm) for arm in (1, 2, 3)), strict=True)
    alarms = [
        any(ruling.verdict in ("faster", "slower") for ruling in corrected_verdicts(family, NEGLIGIBLE))
        for family in families
    ]
    assert 0.01 < np.mean(alarms) <= 0.05 + CHANCE


def test_a_difference_as_large_as_the_margin_is_called_equivalent_in_5_percent_at_most() -> None:
    world = World(session_sd=0.003, noise=0.02)
    times_us = world.times_us(np.random.default_rng(5), EXPERIMENTS, factors=[1, 1.01])
    judged = [corrected_verdicts([estimate], 1.0)[0].verdict for estimate in log_estimates(times_us, "latency")]
    assert 0.02 < judged.count("equivalent") / EXPERIMENTS <= 0.05 + CHANCE


def test_large_differences_are_found_and_absent_ones_called_equivalent() -> None:
    world = World(session_sd=0.001, noise=0.01)
    times_us = world.times_us(np.random.default_rng(6), 100, factors=[1, 0.9, 1])
    found = [corrected_verdicts([estimate], 1.0)[0].verdict for estimate in log_estimates(times_us, "latency", arm=1)]
    absent = [corrected_verdicts([estimate], 1.0)[0].verdict for estimate in log_estimates(times_us, "latency", arm=2)]
    assert found.count("faster") == 100
    assert absent.count("equivalent") >= 95
