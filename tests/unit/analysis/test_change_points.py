"""Change points, by simulation: rarely found where nothing changes, found at the right place where something does."""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.analysis.statistics.change_points import MIN_VALUES, birge_ratio, segments

SERIES = 300


def starts(values: NDArray[np.float64], errors: NDArray[np.float64]) -> list[int]:
    return [segment.start for segment in segments(values.tolist(), errors.tolist())][1:]


@pytest.mark.parametrize("runs", [8, 20, 60])
@pytest.mark.parametrize("excess", [1.0, 3.0])
def test_series_without_a_change_seldom_show_one(runs: int, excess: float) -> None:
    """Also where runs scatter by more than their errors say."""
    rng = np.random.default_rng(runs)
    false_alarms = 0
    for _ in range(SERIES):
        errors = rng.uniform(0.5, 2.0, runs)
        false_alarms += bool(starts(excess * errors * rng.standard_normal(runs), errors))
    assert false_alarms / SERIES <= 0.08


@pytest.mark.parametrize("runs", [12, 40])
@pytest.mark.parametrize("excess", [1.0, 3.0])
def test_a_change_of_four_errors_is_found_where_it_is(runs: int, excess: float) -> None:
    rng = np.random.default_rng(runs)
    place = runs // 2
    hits = 0
    for _ in range(SERIES):
        values = excess * (rng.standard_normal(runs) + 4 * (np.arange(runs) >= place))
        found = starts(values, np.ones(runs))
        hits += len(found) == 1 and abs(found[0] - place) <= 1
    assert hits / SERIES >= 0.9


def test_each_level_is_the_mean_by_weight_with_its_interval() -> None:
    first, second = segments([0.0, 3.0, 1.0, 21.0, 21.0, 21.0], [1.0, 1e6, 1.0, 1.0, 1.0, 1.0])
    assert (first.start, first.stop, second.start, second.stop) == (0, 3, 3, 6)
    assert first.mean == pytest.approx(0.5, abs=0.01)
    assert second.mean == pytest.approx(21.0)
    assert second.half_width > 1.96 / np.sqrt(3) - 1e-9


def test_few_values_have_one_level() -> None:
    values = [0.0] * 2 + [50.0] * (MIN_VALUES - 3)
    assert len(segments(values, [1.0] * len(values))) == 1


def test_the_ratio_of_birge_is_one_where_errors_tell_the_scatter() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(1000)
    assert birge_ratio(noise, np.ones(1000)) == pytest.approx(1.0, abs=0.1)
    assert birge_ratio(5 * noise, np.ones(1000)) == pytest.approx(5.0, rel=0.1)
    assert birge_ratio(0.1 * noise, np.ones(1000)) == 1.0
