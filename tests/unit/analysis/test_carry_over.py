"""What a switch leaves behind is found in simulated visits whose settling is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.analysis.pilot import MAX_CURVE_POSITIONS, carry_over, settle_length
from harness.model import CarryOverPoint

Floats = NDArray[np.float64]


def visits(
    seed: int, noise: float, extra: tuple[float, float] = (0.09, 1.0), count: int = 200, positions: int = 48
) -> Floats:
    """Heavy-tailed times, each visit at a level of its own; `extra` of the first request falls to 1/e in so many."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.2, (count, 1))
    shape = 1 + extra[0] * np.exp(-np.arange(positions) / extra[1])
    times: Floats = 400 * np.exp(level + noise * rng.standard_t(3, (count, positions))) * shape
    return times


def point(position: int, percent: float, error: float) -> CarryOverPoint:
    return CarryOverPoint(position=position, percent=percent, percent_low=percent - error, percent_high=percent + error)


def curve_of(*percents: float, error: float = 0.1) -> list[CarryOverPoint]:
    return [point(position, percent, error) for position, percent in enumerate([*percents, *[0.0] * 20])]


@pytest.mark.parametrize(("slower_first", "settling"), [(0.09, 1.0), (0.5, 3.0), (-0.05, 2.0), (0.0, 1.0)])
def test_the_curve_covers_the_truth_at_95_percent_of_positions(slower_first: float, settling: float) -> None:
    inside = [
        point.percent_low <= 100 * slower_first * np.exp(-point.position / settling) <= point.percent_high
        for seed in range(20)
        for point in carry_over(visits(seed, 0.03, (slower_first, settling)))
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)


def test_the_curve_has_the_first_half_of_the_positions_and_32_at_most() -> None:
    for positions, length in ((20, 10), (21, 10), (300, MAX_CURVE_POSITIONS)):
        curve = carry_over(visits(1, 0.03, positions=positions))
        assert [point.position for point in curve] == list(range(length))


def test_spikes_leave_the_curve_where_it_is() -> None:
    clean = visits(1, 0.01)
    struck = np.where(np.random.default_rng(2).random(clean.shape) < 0.03, 20 * clean, clean)
    for before, after in zip(carry_over(clean), carry_over(struck), strict=True):
        assert after.percent == pytest.approx(before.percent, abs=0.2)


@pytest.mark.parametrize(
    ("slower_first", "settling", "settles"),
    [(0.0, 1.0, {0}), (0.09, 1.0, {3, 4}), (0.09, 0.5, {1, 2}), (0.3, 3.0, {13, 14, 15}), (-0.09, 1.0, {3, 4})],
)
def test_settling_lasts_until_a_quarter_of_a_percent_is_left(
    slower_first: float, settling: float, settles: set[int]
) -> None:
    """0.09 * exp(-p) is 0.45 % at position 3 and 0.16 % at 4."""
    found = {settle_length(carry_over(visits(seed, 0.005, (slower_first, settling)))) for seed in range(20)}
    assert found <= settles


@pytest.mark.parametrize("count", [40, 200])
def test_noise_alone_is_no_reason_to_settle(count: int) -> None:
    found = [settle_length(carry_over(visits(seed, 0.08, (0.0, 1.0), count))) for seed in range(100)]
    assert found.count(0) >= 85
    assert max(found) <= 4


def test_noise_does_not_hide_a_large_carry_over() -> None:
    found = [settle_length(carry_over(visits(seed, 0.05, count=100))) for seed in range(50)]
    assert min(found) >= 1
    assert np.median(found) == 2


def test_the_next_request_must_be_settled_and_so_must_the_mean_of_the_next_8() -> None:
    assert settle_length(curve_of(0.2, 0.2)) == 0
    assert settle_length(curve_of(1.0)) == 1  # a mean of 0.125 % over 8, but the first request is far off
    assert settle_length(curve_of(0, 9, 3, 0.2)) == 3  # the first is settled, the mean is not
    assert settle_length(curve_of(1.0, error=0.8)) == 0


def test_what_never_settles_gets_all_the_curve_has_room_for() -> None:
    never = [point(position, 5.0, 0.1) for position in range(20)]
    assert settle_length(never) == 12
    assert settle_length(never[:3]) == 0


def test_without_visits_there_is_no_curve() -> None:
    assert carry_over(np.empty((0, 0))) == ()
