"""How far single runs lie apart here: found in records whose spread is known, and scaled by nothing."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis.validation.spread import chance_beyond, single_run_spread, stretch_length, stretch_logs
from harness.model import Record, Schedule, VisitRow

ARMS = ("tcp", "uds-dir")
FACTOR = {"tcp": 400.0, "uds-dir": 300.0}  # us: what arms differ by is no spread


def record(session: int, levels: Sequence[float], burst: int = 10) -> Record:
    """Two visits for each level, to either arm."""
    visits = [
        VisitRow(round=round_, order=order, arm=arm, requests=burst, mean_us=level * FACTOR[arm])
        for round_, level in enumerate(levels)
        for order, arm in enumerate(ARMS)
    ]
    return Record(
        session=session,
        started_utc="2026-03-01T10:00:00+00:00",
        seconds={"total": 1.0},
        schedule=Schedule(sessions=2, rounds=len(levels), burst=burst, settle=0, reason="given"),
        proofs={},
        failures={},
        visits=tuple(visits),
    )


def test_a_machine_that_never_wanders_has_no_spread_though_its_arms_differ() -> None:
    spread = single_run_spread([record(1, [1.0] * 40), record(2, [1.0] * 40)], ARMS, 100)

    assert spread.stretches == 16
    assert spread.next is not None
    assert spread.next.most_percent == pytest.approx(0)


def test_sessions_at_another_level_lie_apart_by_that() -> None:
    spread = single_run_spread([record(1, [1.0] * 40), record(2, [1.2] * 40)], ARMS, 100)

    assert spread.apart is not None
    assert spread.next is not None
    assert spread.apart.typical_percent == pytest.approx(20)
    assert spread.next.typical_percent == pytest.approx(0)


def test_a_level_that_steps_within_a_session_is_seen_between_neighbours() -> None:
    spread = single_run_spread([record(1, [1.0] * 5 + [1.1] * 5)], ARMS, 100)

    assert spread.next is not None
    assert spread.next.pairs == 1
    assert spread.next.typical_percent == pytest.approx(10)
    assert spread.apart is None


def test_longer_runs_scatter_less_when_there_is_only_noise() -> None:
    rng = np.random.default_rng(1)
    records = [record(session, np.exp(rng.normal(0, 0.1, 400)).tolist()) for session in range(1, 9)]
    short, long = (single_run_spread(records, ARMS, requests).apart for requests in (100, 1600))

    assert short is not None
    assert long is not None
    assert short.typical_percent / long.typical_percent == pytest.approx(4, rel=0.25)


def test_where_no_session_has_so_many_requests_its_whole_is_taken_and_told() -> None:
    records = [record(1, [1.0] * 40), record(2, [1.0] * 30)]

    assert stretch_length(records, ARMS, 1000) == 600
    assert single_run_spread(records, ARMS, 1000).requests == 600
    assert single_run_spread(records, ARMS, 1000).wanted == 1000


def test_a_visit_of_a_tool_is_a_stretch_of_its_own() -> None:
    found = stretch_logs([record(1, [1.0, 1.0, 1.0], burst=1000)], ARMS, 1000)

    assert [len(of_session) for of_session in found] == [6]


def test_no_run_is_shorter_than_a_visit() -> None:
    spread = single_run_spread([record(1, [1.0] * 3, burst=1000), record(2, [1.0] * 3, burst=1000)], ARMS, 100)

    assert spread.requests == 1000
    assert spread.stretches == 12


def test_chance_is_the_share_of_pairs_that_lie_further_apart() -> None:
    found = [np.log([1.0]), np.log([1.1]), np.log([1.3])]

    assert chance_beyond(found, 5.0) == pytest.approx(1)
    assert chance_beyond(found, 15.0) == pytest.approx(2 / 3)
    assert chance_beyond(found, -15.0) == pytest.approx(2 / 3)
    assert chance_beyond(found, 40.0) == pytest.approx(0)


def test_one_stretch_alone_says_nothing() -> None:
    assert chance_beyond([np.log([1.0])], 5.0) is None
    assert math.isclose(chance_beyond([np.log([1.0, 2.0])], 5.0) or 0, 1)
