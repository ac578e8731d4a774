"""Interactions, effects of the other factor and both at once: worked by hand, and when something is missing."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.contrasts.factorial import factorial_corners
from harness.analysis.statistics.series import ArmPair
from harness.model import Summary
from tests.support.factorial_experiments import by_transport, factorial
from tests.support.factorial_sessions import interaction, sessions_of, summary_of
from tests.support.simulated_sessions import Times, session_of

SPLIT: ArmPair = ("split/uds-tmpfs", "split/tcp")
SHARED: ArmPair = ("shared/uds-tmpfs", "shared/tcp")
PLACEMENTS = by_transport("placement", ["split", "shared"])
ARMS = ("split/tcp", "split/uds-tmpfs", "shared/tcp", "shared/uds-tmpfs")


def taking(*times_us: float | Sequence[float | None]) -> Times:
    """A session of three rounds: times over TCP and the Unix socket on split CPUs, then on shared ones."""
    series = [[one] * 3 if isinstance(one, int | float) else list(one) for one in times_us]
    return dict(zip(ARMS, series, strict=True))


def placed(*sessions: Times) -> Summary:
    return summary_of(PLACEMENTS, sessions_of(*sessions))


def close(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)


def test_an_interaction_worked_by_hand() -> None:
    found = interaction(placed(taking(100, 90, 80, 76), taking(100, 92, 80, 77), taking(100, 91, 80, 75)), "shared")
    logs = np.log([76 / 80, 77 / 80, 75 / 80]) - np.log([0.90, 0.92, 0.91])
    us = np.array([-4, -3, -5]) - np.array([-10, -8, -9])
    half, half_us = (4.302653 * np.std(one, ddof=1) / math.sqrt(3) for one in (logs, us))
    assert found.percent == pytest.approx(100 * np.expm1(np.mean(logs)))
    assert found.percent_low == pytest.approx(100 * np.expm1(np.mean(logs) - half))
    assert found.percent_high == pytest.approx(100 * np.expm1(np.mean(logs) + half))
    assert (found.us, found.us_low, found.us_high) == pytest.approx((5, 5 - half_us, 5 + half_us))
    assert found.verdict == "differ"
    assert (found.arm, found.against, found.base_arm, found.base_against) == (*SHARED, *SPLIT)
    assert (found.compared, found.level, found.reference) == ("transport", "uds-tmpfs", "tcp")
    assert (found.factor, found.at, found.base, found.where) == ("placement", "shared", "split", {})


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [((90.0, 90.1, 89.9), "agree"), ((81.0, 81.1, 80.9), "differ"), ((80.0, 90.0, 99.0), "undecided")],
)
def test_effects_agree_or_differ_or_that_is_undecided(gains: Sequence[float], verdict: str) -> None:
    found = interaction(placed(*(taking(100, 90, 100, one) for one in gains)), "shared")
    assert found.verdict == verdict


def test_a_smaller_gain_is_positive_and_a_larger_one_negative() -> None:
    for shared_us, sign in ((95, 1), (80, -1)):
        found = interaction(placed(*[taking(100, 90, 100, shared_us)] * 2), "shared")
        assert found.percent is not None
        assert math.copysign(1, found.percent) == sign
        assert found.percent == pytest.approx(100 * (shared_us / 90 - 1))


def test_each_factor_by_itself_and_both_at_once_multiply() -> None:
    summary = placed(taking(100, 90, 80, 60), taking(100, 90, 80, 60))
    levels = {(one.arm, one.against): one for one in summary.levels}
    both = summary.both_at_once[0]
    assert set(levels) == {("shared/tcp", "split/tcp"), ("shared/uds-tmpfs", "split/uds-tmpfs")}
    at_tcp = levels["shared/tcp", "split/tcp"]
    assert (at_tcp.percent, at_tcp.us) == pytest.approx((-20, -20))
    assert at_tcp.verdict == "faster"
    assert (at_tcp.compared, at_tcp.level, at_tcp.at, at_tcp.base) == ("transport", "tcp", "shared", "split")
    assert (both.arm, both.against) == ("shared/uds-tmpfs", "split/tcp")
    assert (both.compared_alone, both.factor_alone) == ("split/uds-tmpfs", "shared/tcp")
    alone = next(one for one in summary.comparisons if (one.arm, one.metric) == ("split/uds-tmpfs", "latency"))
    beyond = interaction(summary, "shared")
    parts = [math.log1p((one.percent or 0) / 100) for one in (alone, at_tcp, beyond)]
    assert sum(parts) == pytest.approx(math.log1p((both.percent or 0) / 100))


def test_cpu_time_is_judged_by_itself() -> None:
    used = {"split/tcp": 50.0, "split/uds-tmpfs": 40.0, "shared/tcp": 50.0, "shared/uds-tmpfs": 50.0, "control": 50.0}
    times_us = {**taking(100, 90, 100, 90), "control": [100.0] * 3}
    cpu_us = {arm: {"app": us} for arm, us in used.items()}
    summary = summary_of(PLACEMENTS, [session_of(times_us, number=n, cpu_us=cpu_us) for n in (1, 2)])
    assert interaction(summary, "shared").verdict == "agree"
    assert interaction(summary, "shared", "cpu").percent == pytest.approx(25)
    assert interaction(summary, "shared", "cpu").verdict == "differ"


def test_rounds_and_sessions_without_an_arm_say_nothing() -> None:
    whole = [taking(100, 90, 80, 76), taking(100, 92, 80, 77)]
    holes = taking([100, None, 100], [90, 45, 92], [80, 80, 80], [76, None, 77])
    without = {arm: series for arm, series in taking(100, 50, 80, 20).items() if arm != "shared/tcp"}
    filled = taking([100, 100], [90, 92], [80, 80], [76, 77])
    seen, expected = placed(*whole, holes, without), placed(*whole, filled)
    assert interaction(seen, "shared").percent == close(interaction(expected, "shared").percent)
    assert interaction(seen, "shared").us_low == close(interaction(expected, "shared").us_low)


def test_a_single_session_gives_no_interval_and_no_verdict() -> None:
    found = interaction(placed(taking(100, 90, 80, 60)), "shared")
    assert (found.percent, found.us, found.verdict) == (None, None, None)
    assert "an interval needs 2" in found.why


def test_failed_requests_of_any_of_the_four_arms_leave_no_verdict() -> None:
    sessions = sessions_of(*[taking(100, 90, 80, 60)] * 3)
    record = sessions[0].record.model_copy(update={"failures": {"split/uds-tmpfs": {"502": 2}}})
    summary = summary_of(PLACEMENTS, [type(sessions[0])(record, sessions[0].requests), *sessions[1:]])
    found = interaction(summary, "shared")
    assert found.verdict is None
    assert found.percent is not None
    assert "split/uds-tmpfs had 2 failed requests" in found.why


def test_early_looks_ask_for_more_certainty() -> None:
    sessions = sessions_of(taking(100, 90, 80, 76), taking(100, 92, 80, 77), taking(100, 91, 80, 75))
    once, early = (interaction(summary_of(PLACEMENTS, sessions, looks), "shared") for looks in ((), (3, 6)))
    assert early.confidence > once.confidence == 0.95
    assert (early.percent_low or 0) < (once.percent_low or 0)


times = st.one_of(st.none(), st.floats(300, 600))
some_sessions = st.lists(
    st.fixed_dictionaries({arm: st.lists(times, min_size=3, max_size=3) for arm in ARMS}), min_size=1, max_size=4
)


@given(some_sessions)
def test_another_first_level_flips_the_sign_and_nothing_else(sessions: list[dict[str, list[float | None]]]) -> None:
    data = sessions_of(*sessions)
    there = interaction(summary_of(PLACEMENTS, data), "shared")
    back = interaction(summary_of(by_transport("placement", ["shared", "split"]), data), "split")
    assert (back.arm, back.against, back.base_arm, back.base_against) == (*SPLIT, *SHARED)
    assert back.us == close(None if there.us is None else -there.us)
    assert back.us_low == close(None if there.us_high is None else -there.us_high)
    assert (back.p, back.verdict) == (close(there.p), there.verdict)
    assert back.percent == close(there.percent and 100 * math.expm1(-math.log1p(there.percent / 100)))


@given(some_sessions)
def test_another_reference_flips_the_sign_and_nothing_else(sessions: list[dict[str, list[float | None]]]) -> None:
    factors = {"placement": ["split", "shared"], "transport": ["tcp", "uds-tmpfs"]}
    data = sessions_of(*sessions)
    there = interaction(summary_of(PLACEMENTS, data), "shared")
    back = interaction(summary_of(factorial(factors, against={"transport": "uds-tmpfs"}), data), "shared")
    assert (back.level, back.reference) == (there.reference, there.level)
    assert back.us == close(None if there.us is None else -there.us)
    assert (back.p, back.verdict) == (close(there.p), there.verdict)


def test_against_an_arm_or_with_one_factor_there_are_none() -> None:
    factors = {"placement": ["split", "shared"], "transport": ["tcp", "uds-tmpfs"]}
    assert not factorial_corners(factorial(factors, against="split/tcp"))
    assert not factorial_corners(factorial({"transport": ["tcp", "uds-tmpfs"]}))


def test_the_control_takes_no_part() -> None:
    assert "control" in [arm.name for arm in PLACEMENTS.arms]
    assert [(corner.pair, corner.base_pair) for corner in factorial_corners(PLACEMENTS)] == [(SHARED, SPLIT)]


def test_with_three_factors_each_is_seen_at_each_level_of_the_third() -> None:
    factors: dict[str, list[object]] = {
        "placement": ["split", "shared"],
        "upstream_keepalive": [0, 16],
        "transport": ["tcp", "uds-tmpfs"],
    }
    found = [(one.factor, one.at, one.where) for one in factorial_corners(factorial(factors))]
    assert found == [
        ("upstream_keepalive", "16", {"placement": "split"}),
        ("upstream_keepalive", "16", {"placement": "shared"}),
        ("placement", "shared", {"upstream_keepalive": "0"}),
        ("placement", "shared", {"upstream_keepalive": "16"}),
    ]


def test_any_setting_can_be_compared() -> None:
    factors = {"placement": ["split", "shared"], "transport": ["tcp", "uds-tmpfs"]}
    (one,) = factorial_corners(factorial(factors, against={"placement": "split"}))
    assert (one.compared, one.level, one.reference) == ("placement", "shared", "split")
    assert (one.factor, one.at, one.base) == ("transport", "uds-tmpfs", "tcp")


def test_a_setting_that_follows_another_is_no_factor_of_its_own() -> None:
    arms: dict[str, dict[str, object]] = {"client": {}, "ab": {"tool": "ab", "tool_requests": 300}}
    found = factorial_corners(factorial({"transport": ["tcp", "uds-tmpfs"]}, arms=arms))
    assert [(one.factor, one.at, one.base) for one in found] == [("tool", "ab", "client")]


def test_a_table_with_a_hole_says_what_it_can() -> None:
    arms = {
        "split": {"placement": "split"},
        "split-uds": {"placement": "split", "transport": "uds-tmpfs"},
        "shared": {"placement": "shared"},
        "shared-uds": {"placement": "shared", "transport": "uds-tmpfs"},
        "same-cpu": {"placement": "same-cpu"},
    }
    found = factorial_corners(factorial({}, arms=arms))
    assert [one.pair for one in found] == [("shared-uds", "shared")]
