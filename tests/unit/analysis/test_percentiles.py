"""Percentiles, and when there are too few requests to show one."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from harness.analysis.statistics.percentiles import percentile_us
from harness.analysis.statistics.series import SessionData
from harness.model import VisitRow
from tests.support.simulated_sessions import session_of


def timed(requests: int, slowest_us: float = 100.0) -> SessionData:
    """A session in which the times of arm "a" are spread evenly from 0 to `slowest_us`."""
    latency_ns = np.linspace(0, 1000 * slowest_us, requests).astype(np.int64)
    others = pl.DataFrame({"arm": ["b"] * 5, "latency_ns": [10**9] * 5, "late_ns": [0] * 5})
    rows = pl.DataFrame({"arm": ["a"] * requests, "latency_ns": latency_ns, "late_ns": [0] * requests})
    return replace(session_of({"a": [50.0], "b": [10**6]}), requests=pl.concat([rows, others]))


def tool(*runs: tuple[int, dict[float, float]]) -> SessionData:
    """A session in which an outside tool visited arm "a": requests and percentiles of each run."""
    session = session_of({})
    visits = tuple(
        VisitRow(round=number, order=0, arm="a", requests=requests, mean_us=50.0, percentiles_us=percentiles_us)
        for number, (requests, percentiles_us) in enumerate(runs)
    )
    return replace(session, record=session.record.model_copy(update={"visits": visits}))


def test_a_percentile_is_the_mean_of_the_sessions_percentiles() -> None:
    sessions = [timed(2001, slowest_us=100), timed(2001, slowest_us=300)]
    assert percentile_us(sessions, "a", 50) == pytest.approx(100)
    assert percentile_us(sessions, "a", 99) == pytest.approx(198)


@pytest.mark.parametrize(("percentile", "enough"), [(99, 1000), (90, 100), (50, 20)])
def test_ten_requests_must_lie_beyond_a_percentile_in_every_session(percentile: int, enough: int) -> None:
    plenty = timed(5000)
    assert percentile_us([plenty, timed(enough)], "a", percentile) is not None
    assert percentile_us([plenty, timed(enough - 1)], "a", percentile) is None


def test_a_session_that_never_measured_the_arm_hides_nothing() -> None:
    absent = session_of({"b": [50.0]})
    assert percentile_us([timed(2001), absent], "a", 50) == pytest.approx(50)
    assert percentile_us([absent], "a", 50) is None


def test_an_outside_tools_percentiles_are_averaged_within_and_then_over_sessions() -> None:
    first = tool((1000, {50.0: 10.0, 99.0: 30.0}), (1000, {50.0: 20.0, 99.0: 50.0}))
    second = tool((1000, {50.0: 45.0, 99.0: 80.0}))
    assert percentile_us([first, second], "a", 50) == pytest.approx(30)
    assert percentile_us([first, second], "a", 99) == pytest.approx(60)


def test_an_outside_tools_run_must_stand_on_enough_requests_of_its_own() -> None:
    short = tool((1000, {99.0: 30.0}), (999, {99.0: 30.0}))
    assert percentile_us([short], "a", 99) is None


def test_an_outside_tools_run_that_no_request_survived_hides_nothing() -> None:
    assert percentile_us([tool((1000, {50.0: 10.0}), (0, {}))], "a", 50) == 10


def test_a_percentile_that_the_tool_does_not_give_is_not_shown() -> None:
    assert percentile_us([tool((1000, {50.0: 10.0}))], "a", 90) is None
