"""A metric is one record: what is compared, reported and named follows from it."""

import dataclasses

import pytest
from pydantic import ValidationError

from harness.analysis.statistics.series import centre_of_rounds, values_by_arm
from harness.model import DESIGN_METRICS, GATE_METRICS, HEADLINE_METRICS, METRICS
from harness.model.base import JsonModel
from harness.model.metrics import SEARCH_METRICS, TIME_RUN_METRICS, MetricName
from tests.support.simulated_sessions import session_of


class Named(JsonModel):
    metric: MetricName


def test_each_kind_of_run_compares_its_headline_first() -> None:
    assert TIME_RUN_METRICS == ("latency", "mean", "cpu", "throughput")
    assert SEARCH_METRICS == ("capacity", "cpu")
    assert DESIGN_METRICS == ("latency", "cpu")
    assert GATE_METRICS == ("latency", "cpu", "instructions", "p99")
    assert HEADLINE_METRICS == ("latency", "capacity")


def test_a_name_without_a_metric_is_an_error() -> None:
    assert Named(metric="cpu").metric == "cpu"
    with pytest.raises(ValidationError, match="there is no metric 'speed'"):
        Named(metric="speed")


def test_a_metric_that_is_added_needs_its_record_only(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = dataclasses.replace(METRICS["cpu"], name="wall", value=lambda visit: visit.wall_us, centre="median")
    monkeypatch.setitem(METRICS, "wall", wall)  # type: ignore[misc, arg-type, unused-ignore]
    record = session_of({"a": [1.0, 2.0], "b": [3.0, 4.0]}).record
    visits = tuple(visit.model_copy(update={"wall_us": 2 * (visit.mean_us or 0)}) for visit in record.visits)
    times_us = values_by_arm(record.model_copy(update={"visits": visits}), wall)
    assert [times.tolist() for times in times_us.values()] == [[2.0, 4.0], [6.0, 8.0]]
    assert float(centre_of_rounds(times_us["b"], wall.centre)) == 7.0
    assert Named(metric="wall").metric == "wall"
