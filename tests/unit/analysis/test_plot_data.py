"""What a report draws: thinned, but true to what was measured."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.contrasts.pairs import compare_pairs, comparison_of
from harness.analysis.plot_data import MAX_LINE_POINTS, PlotData, plot_data, thinned_indices
from harness.analysis.statistics.series import SessionData
from harness.model import DESIGN_METRICS, HEADLINE_METRICS
from tests.support.simulated_run import CPUS, run_of
from tests.support.simulated_sessions import experiment_of, session_of

EXPERIMENT = experiment_of("a", "b")


def with_times(session: SessionData, times_us: dict[str, list[float]]) -> SessionData:
    rows = [(arm, round(1000 * time_us)) for arm, times in times_us.items() for time_us in times]
    return SessionData(
        session.record,
        pl.DataFrame(rows, schema={"arm": pl.String, "latency_ns": pl.Int64}, orient="row").with_columns(late_ns=0),
    )


def exhibited(*sessions: SessionData) -> PlotData:
    return plot_data(EXPERIMENT, sessions)


@given(st.integers(min_value=0, max_value=300_000))
def test_thinning_keeps_both_ends_in_order_and_never_more_than_fit(size: int) -> None:
    places = thinned_indices(size)
    assert len(places) <= MAX_LINE_POINTS
    assert (np.diff(places) > 0).all()
    if size:
        kept_at_the_ends = min(size, 5)
        assert places[:kept_at_the_ends].tolist() == list(range(kept_at_the_ends))
        assert places[-kept_at_the_ends:].tolist() == list(range(size - kept_at_the_ends, size))


def test_few_requests_are_all_drawn() -> None:
    assert thinned_indices(MAX_LINE_POINTS).tolist() == list(range(MAX_LINE_POINTS))


def test_each_share_is_that_of_all_requests_that_took_no_longer() -> None:
    times_us = np.random.default_rng(1).lognormal(6, 0.3, 5000).round(3)
    session = with_times(session_of({"a": [1.0]}), {"a": times_us.tolist()})
    (drawn,) = exhibited(session).distributions
    counted = [np.count_nonzero(times_us <= time_us + 1e-9) / 5000 for time_us in drawn.latency_us]
    np.testing.assert_allclose(drawn.share, counted)
    assert (drawn.latency_us[0], drawn.latency_us[-1]) == (times_us.min(), times_us.max())


def test_requests_of_all_sessions_are_pooled_per_arm() -> None:
    first = with_times(session_of({"a": [1.0]}), {"a": [3.0, 1.0], "b": [7.0]})
    second = with_times(session_of({"a": [1.0]}, number=2), {"a": [2.0]})
    drawn = {each.arm: (each.requests, each.latency_us) for each in exhibited(first, second).distributions}
    assert drawn == {"a": (3, (1.0, 2.0, 3.0)), "b": (1, (7.0,))}


def test_an_outside_tool_leaves_no_distribution() -> None:
    assert exhibited(session_of({"a": [1.0], "b": [1.0]})).distributions == ()


def test_time_goes_on_from_session_to_session_and_counts_only_while_measuring() -> None:
    times = {"a": [1.0] * 10, "b": [1.0] * 10}
    first, second = exhibited(session_of(times, number=2), session_of(times, number=1)).drift
    assert [(one.session, one.start_s, one.end_s) for one in (first, second)] == [(1, 0.0, 2.0), (2, 2.0, 4.0)]
    assert all(second.start_s < time_s < second.end_s for time_s in second.time_s)


def test_a_stolen_round_does_not_show_in_the_drift() -> None:
    times = {"a": [100.0, 100, 9000, 100, 100] * 8, "b": [110.0] * 40}
    (drawn,) = exhibited(session_of(times)).drift
    assert drawn.latency_us["a"] == pytest.approx([100.0] * 8)
    assert drawn.ratio["b", "a"] == pytest.approx([1.1] * 8)


def test_every_line_of_the_drift_has_a_value_or_a_gap_for_each_of_its_times() -> None:
    (drawn,) = exhibited(session_of({"a": [100.0, None, 100], "b": [None, None, 120.0]})).drift
    seen = (drawn.latency_us["a"], drawn.latency_us["b"], drawn.ratio["b", "a"])
    rounded = [[value and round(value, 6) for value in line] for line in seen]
    assert rounded == [[100, None, 100], [None, None, 120], [None, None, 1.2]]
    assert len(drawn.time_s) == 3


def test_an_arm_that_a_session_lacks_is_no_line_of_it() -> None:
    (drawn,) = exhibited(session_of({"a": [100.0]})).drift
    assert set(drawn.latency_us) == {"a"}
    assert not drawn.ratio


@pytest.mark.parametrize(("sessions", "rounds"), [(1, 5000), (3, 700), (30, 300), (50, 2)])
def test_the_drift_fits_the_screen_however_long_the_run(sessions: int, rounds: int) -> None:
    drawn = exhibited(*(session_of({"a": [1.0] * rounds}, number=number) for number in range(sessions))).drift
    assert sessions <= sum(len(each.time_s) for each in drawn) <= MAX_LINE_POINTS


def test_a_session_without_any_visit_is_drawn_as_nothing() -> None:
    (drawn,) = exhibited(session_of({})).drift
    assert drawn.time_s == ()


def test_the_dots_of_the_sessions_average_to_the_estimate() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, raw=False)
    dots = {(each.arm, each.metric): each for each in plot_data(run.plan.experiment, run.sessions).effects}
    comparisons = map(comparison_of, compare_pairs(RunEvidence(run.plan.experiment, run.sessions)))
    for found in (one for one in comparisons if one.metric in (*HEADLINE_METRICS, *DESIGN_METRICS)):
        drawn = dots[found.arm, found.metric]
        assert drawn.sessions == tuple(range(1, 9))
        mean = np.mean(np.log1p(np.array(drawn.percent) / 100))
        assert 100 * np.expm1(mean) == pytest.approx(found.percent)


def test_sessions_scatter_less_in_their_differences_than_in_their_level() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, raw=False)
    drawn = next(each for each in plot_data(run.plan.experiment, run.sessions).effects if each.arm == "uds-tmpfs")
    assert drawn.sd_percent is not None
    assert drawn.level_sd_percent is not None
    assert drawn.sd_percent < drawn.level_sd_percent / 3


def test_one_session_has_a_dot_but_no_scatter() -> None:
    drawn = exhibited(session_of({"a": [100.0], "b": [90.0]})).effects
    assert [(each.arm, each.metric, each.sd_percent, each.level_sd_percent) for each in drawn] == [
        ("b", "latency", None, None),
    ]


def test_the_order_in_which_sessions_are_read_leaves_no_trace() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=4)
    assert plot_data(run.plan.experiment, run.sessions[::-1]) == plot_data(run.plan.experiment, run.sessions)


def test_who_ran_where_is_as_it_was_proved() -> None:
    run = run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, sessions=1)
    cpus = plot_data(run.plan.experiment, run.sessions).cpus
    assert {role: list(on) for role, on in cpus["tcp"].items()} == CPUS
