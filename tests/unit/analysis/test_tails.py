"""Tails: percentiles with intervals, their paired differences, and when nothing is to be shown."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from harness.analysis.statistics.series import Series, SessionData
from harness.model import Experiment, Summary, TailEffect, VisitRow
from tests.support.factorial_sessions import summary_of
from tests.support.simulated_sessions import experiment_of, session_of

TWO = experiment_of("a", "b", control=False)


def timed(number: int, **requests_us: Sequence[float] | Series) -> SessionData:
    """A session of our client: the times of single requests per arm."""
    latency_ns = np.rint(1000 * np.concatenate(list(requests_us.values()))).astype(np.int64)
    arms = np.repeat(list(requests_us), [len(times_us) for times_us in requests_us.values()])
    table = pl.DataFrame({"arm": arms.tolist(), "latency_ns": latency_ns}).with_columns(late_ns=pl.lit(0, pl.Int64))
    return replace(session_of({arm: [100.0] for arm in requests_us}, number=number), requests=table)


def spread(slowest_us: float, requests: int = 1001) -> list[float]:
    """Times spread evenly, so that p90 is nine tenths of the slowest."""
    return [float(us) for us in np.linspace(0.1, slowest_us, requests)]


def run_of_tool(number: int, **p90_us: float) -> SessionData:
    """A session of an outside tool: one run of 1000 requests for each arm."""
    visits = tuple(
        VisitRow(round=0, order=0, arm=arm, requests=1000, mean_us=50.0, percentiles_us={90.0: us})
        for arm, us in p90_us.items()
    )
    session = session_of({})
    return replace(session, record=session.record.model_copy(update={"session": number, "visits": visits}))


def summary(*sessions: SessionData, of: Experiment = TWO) -> Summary:
    return summary_of(of, sessions)


def tail(found: Summary, percentile: float, arm: str = "b") -> TailEffect:
    return tail_of(found.tails, percentile, arm)


def tail_of(tails: Sequence[TailEffect], percentile: float, arm: str = "b") -> TailEffect:
    return next(effect for effect in tails if (effect.arm, effect.percentile) == (arm, percentile))


def test_a_tail_worked_by_hand() -> None:
    found = summary(*(timed(n, a=spread(200), b=spread(us)) for n, us in enumerate((100, 110, 90), start=1)))
    logs = np.log([0.5, 0.55, 0.45])
    half = 4.302653 * np.std(logs, ddof=1) / math.sqrt(3)
    seen = tail(found, 90)
    assert seen.percent == pytest.approx(100 * np.expm1(np.mean(logs)), rel=1e-3)
    assert seen.percent_low == pytest.approx(100 * np.expm1(np.mean(logs) - half), rel=1e-3)
    assert seen.us == pytest.approx(-90, rel=1e-3)
    assert (seen.against, seen.metric, seen.verdict) == ("a", "latency", "faster")


def test_an_arms_tail_is_the_mean_of_its_sessions_with_students_t() -> None:
    arm = summary(*(timed(n, a=spread(us), b=spread(100)) for n, us in enumerate((100, 110, 90), start=1))).arms["a"]
    half = 4.302653 * 9 / math.sqrt(3)
    assert arm.tails["p90"].value == arm.p90_us == pytest.approx(90, rel=1e-3)
    assert (arm.tails["p90"].low, arm.tails["p90"].high) == pytest.approx((90 - half, 90 + half), rel=1e-2)


@pytest.mark.parametrize(("requests", "shown"), [(99, []), (100, [90]), (1000, [90, 99]), (10_000, [90, 99, 99.9])])
def test_a_percentile_is_that_of_sessions_with_ten_requests_beyond_it_in_every_one(
    requests: int, shown: list[float]
) -> None:
    uneven = summary(timed(1, a=spread(9, 20_000), b=spread(9, 20_000)), timed(2, a=spread(9), b=spread(9, requests)))
    enough = summary(*(timed(n, a=spread(9, requests), b=spread(9, requests)) for n in (1, 2)))
    assert [effect.percentile for effect in enough.tails if not effect.pooled] == shown
    assert [effect.percentile for effect in uneven.tails if not effect.pooled] == [
        each for each in shown if each < 99.5
    ]
    assert list(enough.arms["b"].tails) == [f"p{each:g}".replace(".", "") for each in shown]


@pytest.mark.parametrize(("requests", "shown"), [(49, []), (50, [90]), (499, [90]), (500, [90, 99])])
def test_otherwise_it_is_that_of_all_sessions_if_ten_requests_lie_beyond_in_all(
    requests: int, shown: list[float]
) -> None:
    found = summary(*(timed(n, a=spread(9, requests), b=spread(9, requests)) for n in (1, 2)))
    assert [name for name in found.arms["a"].percentiles if name != "p50"] == [f"p{each:g}" for each in shown]
    assert [effect.percentile for effect in found.tails] == shown


def test_with_a_single_session_there_is_a_value_and_nothing_else() -> None:
    found = summary(timed(1, a=spread(200), b=spread(100)))
    assert found.arms["a"].tails["p90"].low is None
    assert (tail(found, 90).percent, tail(found, 90).verdict) == (None, None)


def test_exchanged_labels_flip_the_sign_and_nothing_else() -> None:
    sessions = [timed(n, a=spread(200), b=spread(us)) for n, us in enumerate((100, 110, 90), start=1)]
    there, back = (summary(*sessions, of=experiment_of(*names, control=False)) for names in ("ab", "ba"))
    one, other = tail(there, 90), tail(back, 90, arm="a")
    assert other.us == pytest.approx(-(one.us or 0))
    assert other.percent == pytest.approx(100 * math.expm1(-math.log1p((one.percent or 0) / 100)))
    assert (one.p, one.verdict, other.verdict) == (other.p, "faster", "slower")


def test_tails_are_a_family_of_their_own_and_the_control_is_alone() -> None:
    times_us = {"a": spread(200), "b": spread(100), "control": spread(200)}
    moved = {"a": spread(200), "b": spread(130), "control": spread(210)}
    found = summary(timed(1, **times_us), timed(2, **moved), timed(3, **times_us), of=experiment_of("a", "b"))
    assert tail(found, 90, arm="control").p_adjusted is None
    of_question = [one for one in found.tails if one.arm == "b"]
    assert sorted(one.percentile for one in of_question) == [90, 99]
    smallest = min(of_question, key=lambda one: one.p or 0)
    assert smallest.p_adjusted == pytest.approx(2 * (smallest.p or 0))


def test_failed_requests_leave_no_verdict() -> None:
    first, second = (timed(n, a=spread(200), b=spread(100 + n)) for n in (1, 2))
    failed = replace(first, record=first.record.model_copy(update={"failures": {"b": {"502": 1}}}))
    assert tail(summary(failed, second), 90).verdict is None


def test_whole_milliseconds_that_are_alike_prove_nothing() -> None:
    found = tail(summary(*(run_of_tool(n, a=2000, b=2000) for n in (1, 2, 3))), 90)
    assert found.verdict is None
    assert "steps of 1000 us" in found.why


def test_a_difference_beyond_the_steps_and_fine_steps_are_judged() -> None:
    far = tail(summary(*(run_of_tool(n, a=2000, b=4000 + 1000 * (n == 3)) for n in (1, 2, 3))), 90)
    fine = tail(summary(*(run_of_tool(n, a=2001, b=2001 + n) for n in (1, 2, 3))), 90)
    assert (far.verdict, fine.verdict) == ("slower", "equivalent")
