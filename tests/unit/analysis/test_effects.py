"""What a session says of two arms, round by round."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from harness.analysis.contrasts.engine import RunSeries, SessionValues, pair_terms, session_values
from harness.analysis.statistics.series import Series, values_by_arm
from harness.model import METRICS, Record, VisitRow
from tests.support.simulated_sessions import session_of


def record_of(*visits: VisitRow) -> Record:
    return session_of({}).record.model_copy(update={"visits": visits})


def visit(round_: int, arm: str, mean_us: float | None, **cpu_us: float) -> VisitRow:
    return VisitRow(round=round_, order=0, arm=arm, requests=8, mean_us=mean_us, cpu_us=cpu_us)


def pair_values(sessions: Sequence[Mapping[str, Series]], metric: str) -> SessionValues:
    """What "a" against "b" is in each of the sessions."""
    return session_values(RunSeries([], {metric: dict(enumerate(sessions))}), pair_terms(("a", "b"), metric))


def test_a_series_has_a_place_for_every_round_of_the_session() -> None:
    record = record_of(visit(3, "a", 30), visit(1, "a", 10), visit(2, "b", 20), visit(1, "b", None))
    series = values_by_arm(record, METRICS["latency"])
    np.testing.assert_array_equal(series["a"], [10, np.nan, 30])
    np.testing.assert_array_equal(series["b"], [np.nan, 20, np.nan])


def test_cpu_time_is_the_sum_over_roles_and_missing_where_none_was_read() -> None:
    record = record_of(visit(0, "a", 10, nginx=3, app=4.5), visit(1, "a", 10), visit(2, "a", 10, nginx=0, app=0))
    np.testing.assert_array_equal(values_by_arm(record, METRICS["cpu"])["a"], [7.5, np.nan, np.nan])


def test_the_latency_effect_is_the_middle_round_and_ignores_a_stolen_one() -> None:
    series = {"a": np.array([110.0, 120, 9000]), "b": np.array([100.0, 100, 100])}
    seen = pair_values([series], "latency")
    np.testing.assert_allclose(seen.log_ratio, [np.log(1.2)])
    np.testing.assert_allclose(seen.difference, [20])


@pytest.mark.parametrize("metric", ["mean", "cpu"])
def test_the_mean_effect_leaves_out_a_tenth_of_the_rounds_at_either_end(metric: str) -> None:
    added_us = np.array([-5000.0, 1, 2, 3, 4, 5, 6, 7, 8, 9000])
    series = {"a": 10_000 + added_us, "b": np.full(10, 10_000.0)}
    seen = pair_values([series], metric)
    np.testing.assert_allclose(seen.difference, [4.5])
    np.testing.assert_allclose(seen.log_ratio, np.mean(np.log1p(np.arange(1, 9) / 10_000)))


def test_a_round_counts_only_where_both_arms_have_a_time() -> None:
    series = {"a": np.array([np.nan, 150.0, 120]), "b": np.array([100.0, np.nan, 100])}
    np.testing.assert_allclose(pair_values([series], "latency").difference, [20])


def test_a_session_without_a_common_round_or_without_an_arm_says_nothing() -> None:
    apart = {"a": np.array([np.nan, 150.0]), "b": np.array([100.0, np.nan])}
    alone = {"a": np.array([150.0])}
    both = {"a": np.array([150.0]), "b": np.array([100.0])}
    assert pair_values([apart, alone, both], "latency").difference.tolist() == [50]
    assert pair_values([apart, alone], "mean").log_ratio.size == 0
