"""The Allan deviation of known noise, and the burst that theory calls best."""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.analysis.pilot import allan_curve, allan_deviation, best_burst
from harness.analysis.statistics.series import centre_of_rounds, typical_times
from harness.model import AllanPoint

Floats = NDArray[np.float64]

SETTLING = 12  # requests per visit beside the timed ones


def visits(seed: int, *, white: float, walk: float, count: int = 400, positions: int = 128) -> Floats:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, walk, (count, positions))
    times: Floats = 400 * np.exp(np.cumsum(steps, axis=1) + rng.normal(0, white, (count, positions)))
    return times


def rounds_of(burst: int) -> float:
    return 6000 / (burst + SETTLING)


def curve(*half_widths: float) -> list[AllanPoint]:
    return [
        AllanPoint(burst=2**power, deviation_percent=1, half_width_percent=width)
        for power, width in enumerate(half_widths)
    ]


@pytest.mark.parametrize("length", [1, 2, 8, 32])
def test_white_noise_falls_with_the_root_of_the_length(length: int) -> None:
    found = allan_deviation(visits(1, white=0.05, walk=0), length)
    assert found == pytest.approx(0.05 / np.sqrt(length), rel=0.05)


@pytest.mark.parametrize("length", [4, 16, 64])
def test_a_random_walk_rises_with_the_root_of_the_length(length: int) -> None:
    """Its Allan variance is (2 n^2 + 1) / (6 n) steps' variances."""
    found = allan_deviation(visits(1, white=0, walk=0.01), length)
    assert found == pytest.approx(0.01 * np.sqrt((2 * length**2 + 1) / (6 * length)), rel=0.1)


def test_spikes_hardly_move_it() -> None:
    clean = visits(1, white=0.05, walk=0)
    struck = np.where(np.random.default_rng(2).random(clean.shape) < 0.01, 10 * clean, clean)
    for length in (1, 4):
        assert allan_deviation(struck, length) == pytest.approx(allan_deviation(clean, length), rel=0.15)


@pytest.mark.parametrize("best", [4, 8, 16])
def test_the_best_burst_of_white_noise_and_a_random_walk_is_found(best: int) -> None:
    """(n + s) * (W / n + K * n / 3) is least where W / K = n^2 * (2 n + s) / (3 s)."""
    white = 0.05
    walk = white / np.sqrt(best**2 * (2 * best + SETTLING) / (3 * SETTLING))
    found = {best_burst(allan_curve(visits(seed, white=white, walk=walk), rounds_of)) for seed in range(10)}
    assert found == {best}


def test_the_half_width_is_that_of_the_middle_third_of_differences_between_neighbours() -> None:
    """Simulated: two arms in turn, many times over."""
    times = visits(1, white=0.05, walk=0, count=2000, positions=2 * 8)
    point = next(point for point in allan_curve(times, lambda _burst: 50) if point.burst == 8)
    differences = np.log(typical_times(times[:, :8])) - np.log(typical_times(times[:, 8:]))
    effects = centre_of_rounds(np.random.default_rng(1).choice(differences, (4000, 50)), "middle third")
    assert point.half_width_percent == pytest.approx(196 * effects.std(), rel=0.05)


def test_lengths_double_as_long_as_two_fit_a_visit() -> None:
    for positions, longest in ((128, 64), (127, 32), (3, 1)):
        found = [point.burst for point in allan_curve(visits(1, white=0.1, walk=0, positions=positions), rounds_of)]
        assert found == [2**power for power in range(longest.bit_length())]


def test_the_longest_of_those_within_10_percent_of_the_least_variance_is_best() -> None:
    assert best_burst(curve(9, 9, 1.0, 1.04, 1.06)) == 8
    assert best_burst(curve(9, 9, 1.04, 1.0, 1.04)) == 16
    assert best_burst(curve(9, 9, 1.0, 1.2, 1.04)) == 16


def test_a_burst_has_4_requests_at_least() -> None:
    assert best_burst(curve(0.1, 0.1, 5, 6, 7)) == 4
    assert best_burst(curve(0.1, 0.2)) == 2  # visits are too short to show any such


def test_without_visits_there_is_no_curve() -> None:
    assert allan_curve(np.empty((0, 0)), rounds_of) == ()
