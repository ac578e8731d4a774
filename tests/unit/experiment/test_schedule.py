"""How much is measured: what the file fixes wins, what it leaves open fills the budget."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.experiment.cost import Cost, nominal_cost, visit_lengths
from harness.experiment.schedule import minimal_schedule, needs_pilot, schedule_of
from harness.model import Design, Experiment
from tests.support.experiment_files import TWO_ARMS, read

BASE = read(TWO_ARMS)


def experiment_with(**design: float | None) -> Experiment:
    return BASE.model_copy(update={"design": Design.model_validate(design)})


def cost(session_s: float, round_s: float) -> Cost:
    return Cost(session_s=session_s, round_s=round_s, source="as piloted")


session_costs = st.floats(0.05, 20)
round_costs = st.floats(0.001, 30)
budgets = st.floats(0.1, 10_000)


@given(session_costs, round_costs, budgets)
def test_there_are_at_least_8_sessions_of_2_rounds_or_of_one_that_is_dearer_than_a_start(
    session_s: float, round_s: float, budget_s: float
) -> None:
    schedule = schedule_of(experiment_with(budget_s=budget_s), cost(session_s, round_s))
    assert 8 <= schedule.sessions <= 84
    assert schedule.rounds >= (1 if round_s > session_s else 2)


@given(session_costs, round_costs, budgets)
def test_the_budget_is_filled_but_for_less_than_a_round_per_session(
    session_s: float, round_s: float, budget_s: float
) -> None:
    price = cost(session_s, round_s)
    assume(budget_s > price.total_s(8, 2))
    schedule = schedule_of(experiment_with(budget_s=budget_s), price)
    spent_s = price.total_s(schedule.sessions, schedule.rounds, schedule.counted_sessions)
    assert budget_s - schedule.sessions * round_s * 1.001 < spent_s <= budget_s * 1.001


@given(session_costs, round_costs, budgets)
def test_a_budget_that_is_too_small_gives_the_least_there_can_be_and_the_time_that_it_takes(
    session_s: float, round_s: float, budget_s: float
) -> None:
    price = cost(session_s, round_s)
    rounds = 1 if round_s > session_s else 2
    assume(budget_s < price.total_s(8, rounds))
    schedule = schedule_of(experiment_with(budget_s=budget_s), price)
    assert (schedule.sessions, schedule.rounds) == (8, rounds)
    assert schedule.limit_s == pytest.approx(price.total_s(8, rounds))
    assert minimal_schedule(experiment_with(budget_s=budget_s), price, budget_s).seconds == schedule.limit_s


@given(session_costs, round_costs, budgets, st.floats(0, 5), st.floats(0, 5), st.floats(0, 0.1), st.floats(0, 20))
def test_all_that_is_planned_ends_within_the_budget_or_within_the_limit_that_the_least_needs(  # noqa: PLR0913
    session_s: float,
    round_s: float,
    budget_s: float,
    counting_s: float,
    reporting_s: float,
    analysis_s: float,
    spent_s: float,
) -> None:
    price = Cost(session_s, round_s, "as piloted", analysis_s, counting_s, reporting_s)
    schedule = schedule_of(experiment_with(budget_s=budget_s), price, spent_s=spent_s)
    assert schedule.limit_s is not None
    assert schedule.limit_s >= budget_s
    fits = spent_s + price.total_s(8, 2) + 4 * counting_s <= budget_s
    assert not fits or schedule.limit_s == budget_s
    counting = min(schedule.counted_sessions, schedule.sessions) * counting_s
    assert spent_s + price.total_s(
        schedule.sessions, schedule.rounds, schedule.counted_sessions
    ) <= schedule.limit_s * 1.001 + counting * (not fits)


def test_a_long_budget_makes_more_sessions_rather_than_sessions_of_hours() -> None:
    schedule = schedule_of(experiment_with(budget_s=36_000), cost(session_s=1, round_s=0.02))
    assert schedule.sessions >= 300
    assert (schedule.visiting_s or 0) <= 120


@given(session_costs, round_costs, st.floats(100, 1000))
def test_starting_takes_no_more_than_a_fifth_of_the_time_where_8_sessions_allow_it(
    session_s: float, round_s: float, budget_s: float
) -> None:
    schedule = schedule_of(experiment_with(budget_s=budget_s), cost(session_s, round_s))
    assert schedule.sessions == 8 or schedule.sessions * session_s <= 0.2 * budget_s


@given(st.integers(2, 500), st.integers(1, 500), session_costs, round_costs)
def test_numbers_in_the_file_win(sessions: int, rounds: int, session_s: float, round_s: float) -> None:
    price = cost(session_s, round_s)
    assert schedule_of(experiment_with(sessions=sessions), price).sessions == sessions
    assert schedule_of(experiment_with(rounds=rounds), price).rounds == rounds
    both = schedule_of(experiment_with(sessions=sessions, rounds=rounds), price)
    assert (both.sessions, both.rounds) == (sessions, rounds)


def test_the_number_that_the_file_leaves_open_fills_the_budget() -> None:
    price = cost(session_s=1, round_s=0.1)
    assert schedule_of(experiment_with(budget_s=100, sessions=5), price).rounds == 190
    assert schedule_of(experiment_with(budget_s=100, rounds=40), price).sessions == 20


def test_without_a_pilot_the_file_says_all() -> None:
    schedule = schedule_of(experiment_with(sessions=3, rounds=4, burst=5, settle=6), None)
    assert (schedule.sessions, schedule.rounds, schedule.burst, schedule.settle) == (3, 4, 5, 6)
    assert schedule.reason == "as design.sessions and design.rounds say"


@pytest.mark.parametrize(
    ("given_numbers", "needed"),
    [
        ({}, True),
        ({"sessions": 8, "rounds": 8}, True),
        ({"sessions": 8, "rounds": 8, "burst": 8}, True),
        ({"sessions": 8, "rounds": 8, "burst": 8, "settle": 2}, False),
    ],
)
def test_a_pilot_is_needed_unless_the_file_fixes_all_that_it_would_choose(
    given_numbers: dict[str, float], needed: bool
) -> None:
    assert needs_pilot(experiment_with(**given_numbers)) is needed


def test_the_reason_says_what_was_seen_and_what_it_makes() -> None:
    schedule = schedule_of(experiment_with(budget_s=5), cost(session_s=1.5, round_s=0.25))
    assert schedule.reason == (
        "as piloted: 1.50 s per session start/stop, 250.0 ms per round; total 16 s of the 5 s budget"
    )


def test_a_visit_of_our_client_is_a_few_requests_and_one_of_a_tool_is_a_run() -> None:
    assert visit_lengths(BASE) == (2, 8)
    assert visit_lengths(read(TWO_ARMS, "arm.tool=ab")) == (5, 1)
    assert visit_lengths(read(TWO_ARMS, "arms.tcp.tool=ab")) == (
        5,
        1000,
    )  # our client beside a tool: as long as its run
    assert visit_lengths(read(TWO_ARMS, "arm.tool=ab", "design.settle=0", "design.burst=3")) == (0, 3)
    assert visit_lengths(read(TWO_ARMS, "design.settle=0", "design.burst=3")) == (0, 3)


def test_the_guess_before_a_pilot_counts_every_request_and_the_time_that_a_tool_is_given() -> None:
    visits_s = {
        (): 3 * 10 * 0.0005,
        ("arm.connections=4",): 3 * 26 * 0.0005,
        ("arm.rate=1000",): 3 * (10 * 0.0005 + 0.35),
        ("arm.rate=100",): 3 * (10 * 0.0005 + 2.5),
        ("arm.tool=ab",): 3 * (0.3 + 1005 * 0.0005),
        ("arm.tool=ab", "arm.tool_requests=1"): 3 * (0.3 + 6 * 0.0005),
        ("arm.tool=ab", "arm.tool_seconds=2"): 3 * (0.3 + 2 + 5 * 0.0005),
    }
    for overrides, round_s in visits_s.items():
        assert nominal_cost(read(TWO_ARMS, *overrides)).round_s == pytest.approx(round_s)
