"""The pilot's visits: as long and as many as a small part of the budget allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.schedule import has_time_for_session, needs_pilot, pilot_schedule, pilot_visiting_s
from harness.model import Design, Experiment
from tests.support.experiment_files import TWO_ARMS, read

BASE = read(TWO_ARMS)


def asking(budget_s: float) -> Experiment:
    return BASE.model_copy(update={"design": Design(budget_s=budget_s)})


@pytest.mark.parametrize(
    ("left_open", "needed"), [((), False), (("burst",), True), (("sessions", "rounds"), True), (("settle",), True)]
)
def test_a_pilot_is_needed_for_whatever_the_file_leaves_open(left_open: tuple[str, ...], needed: bool) -> None:
    numbers = {"sessions": 9, "rounds": 9, "burst": 9, "settle": 9}
    design = Design.model_validate({key: number for key, number in numbers.items() if key not in left_open})
    assert needs_pilot(BASE.model_copy(update={"design": design})) is needed


@given(st.floats(1, 10_000), st.floats(0.0005, 5))
def test_visits_are_long_enough_for_both_curves_and_nothing_settles(budget_s: float, round_s: float) -> None:
    trial = pilot_schedule(asking(budget_s), round_s)
    assert trial.settle == 0
    assert 40 <= trial.burst <= 160
    assert trial.rounds >= 3
    assert trial.fewest_rounds == 1
    assert trial.visiting_s == pytest.approx(1.5 * pilot_visiting_s(asking(budget_s)))
    assert trial.sessions == (2 if budget_s < 40 else 3)


@given(st.floats(20, 10_000), st.floats(0.001, 0.03))
def test_a_pilot_takes_a_small_part_of_the_budget(budget_s: float, round_s: float) -> None:
    """`round_s` is that of 10 requests in every arm."""
    trial = pilot_schedule(asking(budget_s), round_s)
    visiting_s = trial.sessions * trial.rounds * trial.burst * round_s / 10
    assert visiting_s + trial.sessions * 1.2 <= max(0.15 * budget_s, 3.7) or trial.rounds == 3


def test_slow_requests_get_shorter_visits_and_fast_ones_more_rounds() -> None:
    slow, usual, fast = (pilot_schedule(asking(60), round_s) for round_s in (0.2, 0.02, 0.0002))
    assert slow.burst < usual.burst < fast.burst
    assert slow.rounds < usual.rounds < fast.rounds


def test_an_outside_tool_runs_as_it_will() -> None:
    trial = pilot_schedule(read(TWO_ARMS, "arm.tool=ab", "design.settle=20"), 2.0)
    assert (trial.sessions, trial.settle, trial.burst, trial.rounds) == (2, 20, 1, 2)
    assert pilot_schedule(read(TWO_ARMS, "arm.tool=ab", "arm.tool_requests=10"), 0.01).rounds > 100


def test_a_pilot_ends_where_another_session_would_take_a_quarter_of_the_budget() -> None:
    assert has_time_for_session(1, spent_s=5, budget_s=40)
    assert not has_time_for_session(1, spent_s=5.1, budget_s=40)
    assert not has_time_for_session(1, spent_s=45, budget_s=60)  # an application that takes 40 s to start


@given(st.floats(1, 10_000), st.floats(1, 600))
def test_however_dear_a_round_is_the_pilot_asks_for_one_alone(budget_s: float, round_s: float) -> None:
    trial = pilot_schedule(read(TWO_ARMS, "arm.tool=ab", f"design.budget_s={budget_s}"), round_s)
    assert trial.fewest_rounds == 1
    assert (trial.visiting_s or 0) <= 1.5 * max(0.15 * budget_s / 2, 0.6)
