"""What must not matter does not: labels, units, the order of sessions."""

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.summary import run_summary
from harness.model import Comparison, Summary
from tests.support.simulated_sessions import Times, experiment_of, schedule_of, session_of

ARMS = ("a", "b", "control")
MIRRORED = {"faster": "slower", "slower": "faster"}

times = st.one_of(st.none(), st.floats(300, 600))
sessions_of_times = st.lists(
    st.fixed_dictionaries({arm: st.lists(times, min_size=3, max_size=3) for arm in ARMS}), min_size=1, max_size=5
)
repeatably = settings(derandomize=True, deadline=None, max_examples=60)


def summary_of(sessions: Sequence[Times], first: str = "a", second: str = "b") -> Summary:
    cpu_us = {arm: {"nginx": 10.0 + place, "app": 30.0} for place, arm in enumerate(ARMS)}
    data = [session_of(times_us, number=n, cpu_us=cpu_us) for n, times_us in enumerate(sessions, start=1)]
    experiment = experiment_of(first, second)
    return run_summary(experiment, data, directory="d", schedule=schedule_of(len(data)), seconds_total=1.0)


def of_question(summary: Summary) -> list[Comparison]:
    return [found for found in summary.comparisons if found.arm != "control"]


def mirrored(percent: float | None) -> float | None:
    """What +25 % is from the other side: -20 %."""
    return None if percent is None else 100 * math.expm1(-math.log1p(percent / 100))


def negated(us: float | None) -> float | None:
    return None if us is None else -us


def close(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)


@repeatably
@given(sessions_of_times)
def test_a_label_swap_flips_the_sign_and_nothing_else(sessions: list[dict[str, list[float | None]]]) -> None:
    for there, back in zip(*(of_question(summary_of(sessions, *names)) for names in ("ab", "ba")), strict=True):
        assert (there.arm, there.against) == (back.against, back.arm)
        assert back.percent == close(mirrored(there.percent))
        assert back.percent_low == close(mirrored(there.percent_high))
        assert back.percent_high == close(mirrored(there.percent_low))
        assert back.us == close(negated(there.us))
        assert back.us_low == close(negated(there.us_high))
        assert (back.p, back.p_adjusted) == (close(there.p), close(there.p_adjusted))
        assert back.verdict == MIRRORED.get(there.verdict or "", there.verdict)
        assert (back.sessions_to_decide, back.why) == (there.sessions_to_decide, there.why)
        assert back.checks.get("sign_flip_p") == there.checks.get("sign_flip_p")
        assert back.checks.get("bootstrap_low") == close(mirrored(there.checks.get("bootstrap_high")))


@repeatably
@given(sessions_of_times, st.floats(0.001, 1000))
def test_another_unit_scales_the_microseconds_and_nothing_else(
    sessions: list[dict[str, list[float | None]]], factor: float
) -> None:
    def scaled(times_us: Mapping[str, Sequence[float | None]]) -> Times:
        return {arm: [us and us * factor for us in series] for arm, series in times_us.items()}

    found = of_question(summary_of(sessions))
    rescaled = of_question(summary_of([scaled(times_us) for times_us in sessions]))
    for one, other in zip(found, rescaled, strict=True):
        assert other.percent == close(one.percent)
        assert other.percent_high == close(one.percent_high)
        assert (other.verdict, other.sessions_to_decide) == (one.verdict, one.sessions_to_decide)
        if one.metric != "cpu":
            assert other.us_low == close(None if one.us_low is None else one.us_low * factor)


@repeatably
@given(st.data(), sessions_of_times)
def test_the_order_of_the_sessions_leaves_no_trace(
    data: st.DataObject, sessions: list[dict[str, list[float | None]]]
) -> None:
    shuffled = data.draw(st.permutations(sessions))
    assert summary_of(shuffled).comparisons == summary_of(sessions).comparisons
    assert summary_of(shuffled).arms == summary_of(sessions).arms
