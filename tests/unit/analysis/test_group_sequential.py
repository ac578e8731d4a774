"""The bounds of O'Brien and Fleming, against published ones and against what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.statistics.group_sequential import (
    confidence_at,
    crossing_probability,
    error_rate_of,
    stopping_bound,
)
from harness.experiment.schedule import look_sessions


@pytest.mark.parametrize(("looks", "published"), [(2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040)])
def test_equal_distances_give_the_published_bounds(looks: int, published: float) -> None:
    """Jennison and Turnbull (2000), table 2.3, two-sided 5 %."""
    assert stopping_bound(range(1, looks + 1)) == pytest.approx(published, abs=0.0005)


def test_one_look_is_crossed_as_often_as_a_normal_value_lies_outside() -> None:
    assert crossing_probability([1.0], 1.959964) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("sessions", [10, 13, 15, 30])
def test_random_walks_cross_the_bound_in_5_percent_of_cases(sessions: int) -> None:
    walks = np.cumsum(np.random.default_rng(1).normal(size=(40_000, sessions)), axis=1) / np.sqrt(sessions)
    at_looks = walks[:, np.array(look_sessions(sessions)) - 1]
    crossed = (np.abs(at_looks) > stopping_bound(look_sessions(sessions))).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 40_000))


def test_a_single_look_needs_95_percent_however_many_sessions_there_are() -> None:
    assert [confidence_at(looks, 7) for looks in ((), (7,), (12,))] == [0.95] * 3


def test_four_looks_begin_beyond_all_doubt_and_end_little_above_95_percent() -> None:
    confidences = [confidence_at((8, 15, 23, 30), sessions) for sessions in (8, 15, 23, 30)]
    assert confidences == pytest.approx([0.9999, 0.9958, 0.9794, 0.9573], abs=0.0001)


@given(st.integers(10, 100), st.integers(2, 200), st.integers(2, 200))
def test_more_sessions_never_need_more_confidence(last: int, few: int, many: int) -> None:
    error_rate = error_rate_of(look_sessions(last))
    few, many = sorted((few, many))
    assert error_rate(few) <= error_rate(many) <= 0.05


def test_beyond_the_last_look_nothing_changes() -> None:
    error_rate = error_rate_of((8, 10, 12))
    assert error_rate(50) == error_rate(12)
