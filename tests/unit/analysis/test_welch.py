"""The difference of two means agrees with scipy's."""

import numpy as np
import pytest
from scipy import stats

from harness.analysis.statistics.intervals import welch_difference


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
