"""The rule of verdicts, Holm's correction, and the way out of "undecided"."""

import math

import pytest

from harness.analysis.statistics.intervals import Estimate
from harness.analysis.statistics.verdict import (
    MAX_SESSIONS_TO_DECIDE,
    corrected_verdicts,
    holm,
    is_equivalent,
    judge,
    sessions_to_decide,
)

T_90 = 1.8331  # Student's t for 9 degrees of freedom: 90 % two-sided
T_95 = 2.2622


def ten_sessions(mean_percent: float, half_width_percent: float, quantile: float) -> Estimate:
    """Ten sessions whose interval for `quantile` has that half width; percent are of the log scale."""
    sd = half_width_percent / 100 / quantile * math.sqrt(10)
    return Estimate(mean_percent / 100, sd, 10)


def test_holm_as_worked_by_hand() -> None:
    """0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1 lifted to the step before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_1_and_leaves_a_single_p_alone() -> None:
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([0.049]) == [0.049]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("mean", "half_width", "equivalent"),
    [(0.0, 0.9, True), (0.0, 1.1, False), (0.5, 0.4, True), (-0.5, 0.4, True), (0.5, 0.6, False), (-1.5, 0.1, False)],
)
def test_equivalent_means_that_the_90_percent_interval_lies_inside_the_margin(
    mean: float, half_width: float, equivalent: bool
) -> None:
    assert is_equivalent(ten_sessions(mean, half_width, T_90), 1.0) is equivalent


@pytest.mark.parametrize(
    ("mean", "half_width", "verdict"),
    [
        (-5.0, 4.9, "faster"),
        (5.0, 4.9, "slower"),
        (5.0, 5.1, "undecided"),
        (0.5, 0.2, "equivalent"),  # though its interval excludes 0
        (1.2, 0.5, "slower"),
        (0.0, 3.0, "undecided"),
    ],
)
def test_a_difference_needs_a_95_percent_interval_that_excludes_zero(
    mean: float, half_width: float, verdict: str
) -> None:
    estimate = ten_sessions(mean, half_width, T_95)
    assert judge(estimate, estimate.p, 1.0) == verdict


def test_what_one_comparison_decides_many_may_leave_open() -> None:
    narrow = ten_sessions(5, 4.5, T_95)
    assert corrected_verdicts([narrow], 1.0)[0].verdict == "slower"
    together = corrected_verdicts([narrow, ten_sessions(0, 9, T_95), ten_sessions(0, 9, T_95)], 1.0)
    assert [ruling.verdict for ruling in together] == ["undecided"] * 3
    assert together[0].p_adjusted == pytest.approx(3 * narrow.p)


def test_the_named_number_of_sessions_decides_and_one_less_does_not() -> None:
    for mean, family in ((0.5, 1), (0.02, 1), (0.98, 1), (1.5, 1), (1.5, 4), (0.0, 4)):
        estimate = ten_sessions(mean, 9, T_95)
        wanted = sessions_to_decide(estimate, 1.0, family)
        assert wanted is not None
        for sessions, decided in ((wanted, True), (wanted - 1, False)):
            then = Estimate(estimate.mean, estimate.sd, sessions)
            assert (judge(then, family * then.p, 1.0) != "undecided") is decided
        assert wanted > 10


def test_only_the_undecided_get_a_number_of_sessions() -> None:
    found = corrected_verdicts([ten_sessions(5, 1, T_95), ten_sessions(0, 0.5, T_95), ten_sessions(0, 5, T_95)], 1.0)
    assert [ruling.sessions_to_decide is None for ruling in found] == [True, True, False]


def test_no_number_of_sessions_is_named_when_it_is_out_of_reach() -> None:
    hopeless = Estimate(0.0, 0.01 * math.sqrt(MAX_SESSIONS_TO_DECIDE), 10)
    assert sessions_to_decide(hopeless, 1.0, 1) is None


@pytest.mark.parametrize(("mean", "verdict"), [(0.0, "equivalent"), (0.5, "equivalent"), (5, "slower"), (-5, "faster")])
def test_sessions_without_any_spread_are_decided(mean: float, verdict: str) -> None:
    assert corrected_verdicts([Estimate(mean / 100, 0.0, 3)], 1.0)[0].verdict == verdict


@pytest.mark.parametrize(("ratio", "equivalent"), [(1.0099, True), (1.01002, False)])
def test_the_margin_is_the_same_whichever_arm_is_called_the_reference(ratio: float, equivalent: bool) -> None:
    for seen in (ratio, 1 / ratio):
        assert is_equivalent(Estimate(math.log(seen), 1e-9, 10), 1.0) is equivalent
