"""What a runtime adds is found within its interval; where there is no interval, none is given."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.validation.bare_run import BareRun
from harness.analysis.validation.files import batch_means_estimate, imported_shares
from harness.analysis.validation.validate import validate
from harness.model import Record, Schedule, VisitRow
from harness.model.tools import ImportedRun
from harness.model.validation import RuntimeShare
from tests.support.imported_runs import bare, foreign, repeated

ADDED_US = 100.0
EXPERIMENTS = 300


def of(runs: Sequence[ImportedRun], here: BareRun) -> RuntimeShare:
    (share,) = imported_shares(here, runs)
    return share


def records(times_us: Sequence[float]) -> list[Record]:
    """A session for each time, with one visit to tcp."""
    schedule = Schedule(sessions=len(times_us), rounds=1, burst=10, settle=0, reason="given")
    return [
        Record(
            session=number,
            started_utc="2026-03-01T10:00:00+00:00",
            seconds={"total": 1.0},
            schedule=schedule,
            proofs={},
            failures={},
            visits=(VisitRow(round=0, order=0, arm="tcp", requests=10, mean_us=time_us),),
        )
        for number, time_us in enumerate(times_us, start=1)
    ]


def test_a_container_that_is_slower_by_a_known_100_us_is_found_to_be_that() -> None:
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(EXPERIMENTS):
        here = records((400 + rng.normal(0, 12, 8)).tolist())
        runs = [foreign("tcp", time_us) for time_us in (400 + ADDED_US + rng.normal(0, 25, 10)).tolist()]
        (share,) = imported_shares(replace(bare(), records=here), runs)
        assert share.interval == "runs"
        inside += (share.us.low or 0) <= ADDED_US <= (share.us.high or 0)

    assert 0.92 <= inside / EXPERIMENTS <= 0.98


def test_each_transport_is_held_against_its_own_arm() -> None:
    runs = [*repeated("tcp", 500.0), *repeated("uds-tmpfs", 480.0), *repeated("sharedvolume", 480.0)]

    assert [share.arm for share in validate(bare(), runs).shares] == ["tcp", "uds-tmpfs", "uds-dir"]


def test_a_single_run_has_a_share_without_an_interval() -> None:
    share = of([foreign("tcp", 500.0)], bare())

    assert share.interval == ""
    assert share.us.low is None
    assert share.us.value == pytest.approx(500.0 - share.bare_us.value)


def test_the_raw_times_of_a_single_run_give_an_interval_of_that_run() -> None:
    times_us = np.random.default_rng(1).gamma(4, 125, 2000).tolist()
    share = of([foreign("tcp", float(np.mean(times_us)), latency_us=times_us)], bare())

    assert share.interval == "raw times"
    assert share.us.low is not None


def test_too_few_raw_times_give_none() -> None:
    assert batch_means_estimate([400.0] * 199) is None


def test_neighbours_that_are_alike_do_not_count_as_many() -> None:
    """A wandering level: single times would make an interval that is too narrow by far."""
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(EXPERIMENTS):
        shocks = rng.normal(0, 1, 2000)
        level = np.convolve(shocks, 0.9 ** np.arange(80))[:2000]
        found = batch_means_estimate((400 + 5 * level).tolist())
        assert found is not None
        low, high = found.interval(0.95)
        inside += low <= 400 <= high

    assert 0.90 <= inside / EXPERIMENTS <= 0.98
