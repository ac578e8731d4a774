"""What rates do to latency: capacities, lateness of the client, and who gets a verdict."""

import math

import numpy as np
import pytest

from harness.analysis.latency_by_load import arm_capacities
from harness.analysis.statistics.series import session_capacities
from harness.model import Comparison, Summary, VisitRow
from tests.support.load_runs import PACED, SEARCH, experiment, paced, searched, steps, summary_of


def comparison(summary: Summary, arm: str, metric: str) -> Comparison:
    return next(one for one in summary.comparisons if (one.arm, one.metric) == (arm, metric))


@pytest.mark.parametrize("capacity_per_s", [600, 1700, 4900])
def test_a_search_is_read_to_within_its_last_halving(capacity_per_s: float) -> None:
    [session, *_] = searched(lambda _arm, _session: capacity_per_s)
    assert session_capacities(session.record)["tcp"] == pytest.approx(capacity_per_s, rel=0.01)


def test_an_arm_that_held_at_no_rate_has_no_capacity_and_one_that_always_held_has_a_lower_bound() -> None:
    sessions = searched(lambda arm, _session: 100 if arm == "tcp" else 10_000)
    found = session_capacities(sessions[0].record)

    assert "tcp" not in found
    assert found["uds-tmpfs"] == max(row.rate_per_s or 0 for row in steps(10_000, "uds-tmpfs"))


def test_twice_the_capacity_is_half_the_time_per_request_and_no_latency_is_compared() -> None:
    rng = np.random.default_rng(2)
    sessions = searched(lambda arm, _session: (2000 if arm == "uds-tmpfs" else 1000) * math.exp(rng.normal(0, 0.03)))
    summary = summary_of(SEARCH, sessions)
    seen = comparison(summary, "uds-tmpfs", "capacity")

    assert seen.verdict == "faster"
    assert seen.percent == pytest.approx(-50, abs=3)
    assert {one.metric for one in summary.comparisons} == {"capacity"}
    assert summary.arms["uds-tmpfs"].requests_per_s == pytest.approx(2000, rel=0.05)
    assert summary.arms["uds-tmpfs"].mean_us is None
    assert summary.tails == ()


def test_the_interval_of_a_capacity_covers_the_truth_as_often_as_it_says() -> None:
    """Simulated: sessions scatter by 5 %, and a search knows no more than its last halving."""
    rng, asked = np.random.default_rng(3), experiment(SEARCH)
    inside = []
    for _ in range(400):
        sessions = searched(lambda _arm, _session: 1500 * math.exp(rng.normal(0, 0.05)))
        [tcp, *_] = arm_capacities(asked, sessions)
        assert tcp.per_s.low is not None
        assert tcp.per_s.high is not None
        inside.append(tcp.per_s.low <= 1500 <= tcp.per_s.high)
    assert 0.92 <= np.mean(inside) <= 0.98


def test_a_late_client_is_named_where_the_limit_may_be_its_own() -> None:
    sessions = searched(lambda _arm, _session: 1500)
    late = [row.model_copy(update={"late_us": 3000.0}) for row in sessions[0].record.visits]
    spoiled = [type(one)(one.record.model_copy(update={"visits": tuple(late)}), one.requests) for one in sessions]

    assert not any(one.client_bound for one in arm_capacities(experiment(SEARCH), sessions))
    assert all(one.client_bound for one in arm_capacities(experiment(SEARCH), spoiled))


def test_times_count_from_when_requests_were_meant_to_be_sent_and_stand_beside_those_from_sending() -> None:
    summary = summary_of(PACED, paced(lambda _arm: 500.0, lambda _arm: 100.0))
    arm = summary.arms["tcp/1000"]

    assert arm.p50_us == pytest.approx(600, rel=0.02)
    assert arm.paced is not None
    assert arm.paced.from_sending["p50"] == pytest.approx(500, rel=0.02)
    assert arm.paced.late["mean"] == pytest.approx(100, rel=0.02)
    assert arm.requests_per_s == pytest.approx(1000)
    assert summary.arms["tcp/0"].paced is None
    assert {point.arm for point in summary.load_points} == {"tcp/1000", "uds-tmpfs/1000"}


def test_a_difference_that_is_the_clients_own_has_no_verdict() -> None:
    summary = summary_of(PACED, paced(lambda _arm: 500.0, lambda arm: 60.0 if arm == "uds-tmpfs/1000" else 10.0))
    seen = comparison(summary, "uds-tmpfs/1000", "latency")

    assert seen.verdict is None
    assert "later than meant by +50 us" in seen.why
    assert seen.percent == pytest.approx(9.8, abs=1)


def test_a_client_that_is_late_for_all_alike_leaves_the_verdict() -> None:
    summary = summary_of(PACED, paced(lambda arm: 450.0 if "uds" in arm else 500.0, lambda _arm: 60.0))
    assert comparison(summary, "uds-tmpfs/1000", "latency").verdict == "faster"


def test_a_rate_says_nothing_of_throughput() -> None:
    summary = summary_of(PACED, paced(lambda _arm: 500.0, lambda _arm: 10.0))
    assert "throughput" not in {one.metric for one in summary.comparisons}


def test_steps_of_a_search_without_answers_are_no_points() -> None:
    sessions = searched(lambda _arm, _session: 1500)
    silent = VisitRow(round=9, order=0, arm="tcp", requests=0, mean_us=None, rate_per_s=9000.0, holds=False)
    record = sessions[0].record.model_copy(update={"visits": (*sessions[0].record.visits, silent)})
    summary = summary_of(SEARCH, [type(sessions[0])(record, sessions[0].requests), *sessions[1:]])

    assert all(point.rate_per_s < 9000 for point in summary.load_points)
