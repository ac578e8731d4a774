"""How a pilot's costs and spread split the time into sessions and rounds, and where a run may stop."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from harness.experiment.cost import Cost, pilot_cost
from harness.experiment.schedule import EffectSpread, look_sessions, schedule_of, split_budget, starting_share
from harness.model import Design, Experiment, Pilot
from tests.support.experiment_files import TWO_ARMS, read

BASE = read(TWO_ARMS)
APART = read(TWO_ARMS, "arm.processes=separate")
COST = Cost(session_s=1.0, round_s=0.02, source="measured by the pilot")


def asking(**design: float) -> Experiment:
    return BASE.model_copy(update={"design": Design.model_validate(design)})


def pilot(**numbers: float) -> Pilot:
    seen = {
        "requests": 2000, "settle": 3, "burst": 16, "session_sd_percent": 0.3, "round_sd_percent": 4.0,
        "session_s": 1.0, "round_s": 0.02, "half_width_percent": 0.4, "gain": 9.0,
    }  # fmt: skip
    return Pilot.model_validate({"carry_over": (), "allan": (), **seen, **numbers})


def test_more_spread_between_sessions_asks_for_more_of_them() -> None:
    counts = [
        split_budget(APART, COST, EffectSpread(session_sd, 5.0), 8, 100)[0] for session_sd in (0.0, 0.3, 1.0, 3.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < 17 < counts[-1] <= 20  # more would spend over a fifth of the time on starting


@given(st.floats(0, 5), st.floats(0.1, 50), st.floats(90, 1000))
def test_arms_that_share_their_processes_spend_a_tenth_of_the_time_on_starting(
    session_sd: float, round_sd: float, time_s: float
) -> None:
    sessions, _ = split_budget(BASE, COST, EffectSpread(session_sd, round_sd), 8, time_s)
    assert sessions * COST.session_s <= 0.1 * time_s


def test_more_spread_between_rounds_asks_for_more_of_those() -> None:
    rounds = [split_budget(BASE, COST, EffectSpread(0.3, round_sd), 8, 100)[1] for round_sd in (0.3, 1.0, 5.0, 50.0)]
    assert rounds == sorted(rounds)
    assert rounds[0] < rounds[-1]


def test_the_split_is_near_the_optimum_of_kalibera_and_jones() -> None:
    """Rounds may be more than theirs: the fewest sessions are taken of those that give about the same interval."""
    cost, spread = Cost(session_s=1.0, round_s=0.5, source=""), EffectSpread(0.2, 4.0)
    sessions, rounds = split_budget(BASE, cost, spread, 1000, 400)
    best_rounds = math.sqrt(cost.session_s / cost.round_s * 1.29) * 4.0 / 0.2
    assert 8 < sessions < 30
    assert 0.8 * best_rounds <= rounds <= 1.8 * best_rounds


@given(st.floats(0, 5), st.floats(0.1, 50), st.floats(20, 1000), st.integers(1, 64), st.sampled_from([BASE, APART]))
def test_a_split_is_never_more_than_5_percent_wider_than_the_narrowest(
    session_sd: float, round_sd: float, time_s: float, burst: int, asked: Experiment
) -> None:
    spread = EffectSpread(session_sd, round_sd)
    chosen = split_budget(asked, COST, spread, burst, time_s)
    most = min(max(8, int(starting_share(asked) * time_s / COST.session_s)), 30)
    others = [(count, max(int((time_s / count - 1.0) / 0.02), 2)) for count in range(8, most + 1)]
    assert chosen in others
    assert spread.half_width(*chosen) <= 1.05 * min(spread.half_width(*other) for other in others)


def test_a_p99_is_worth_a_few_percent_of_width() -> None:
    spread = EffectSpread(0.45, 5.0)
    narrowest = split_budget(APART, COST, spread, 1000, 60)
    with_p99 = split_budget(APART, COST, spread, 5, 60)
    assert narrowest[1] * 5 < 1150 <= with_p99[1] * 5
    assert spread.half_width(*with_p99) <= 1.15 * spread.half_width(*narrowest)


def test_a_p99_is_not_worth_more_than_that() -> None:
    spread = EffectSpread(5.0, 5.0)
    assert split_budget(BASE, COST, spread, 3, 60) == split_budget(BASE, COST, spread, 1000, 60)


def test_an_outside_tools_p99_does_not_depend_on_the_split() -> None:
    by_tool = read(TWO_ARMS, "arm.tool=ab")
    spread = EffectSpread(0.45, 5.0)
    assert split_budget(by_tool, COST, spread, 1, 60) == split_budget(BASE, COST, spread, 1000, 60)


@pytest.mark.parametrize("sessions", [5, 8, 12, 30])
def test_widths_follow_students_t(sessions: int) -> None:
    """Up to a factor that all splits share."""
    exact = t.ppf(0.975, sessions - 1) / math.sqrt(sessions) / t.ppf(0.975, 1e6)
    assert EffectSpread(1.0, 0.0).half_width(sessions, 10) == pytest.approx(exact, rel=0.02)


def test_a_session_scatters_as_its_start_and_its_middle_rounds() -> None:
    assert EffectSpread(0.3, 4.0).sd_percent(100) == pytest.approx(math.sqrt(0.09 + 1.29 * 16 / 100))


def test_the_pilot_decides_what_the_file_leaves_open() -> None:
    schedule = schedule_of(asking(budget_s=60), None, pilot())
    assert (schedule.settle, schedule.burst) == (3, 16)
    cost = pilot_cost(BASE, pilot())
    assert (schedule.sessions, schedule.rounds) == split_budget(
        asking(budget_s=60), cost, EffectSpread(0.3, 4.0), 16, 58
    )
    assert schedule.reason.startswith("measured by the pilot: 1.00 s per session start/stop, 20.0 ms per round")


def test_the_pilots_own_time_is_part_of_the_budget() -> None:
    schedule = schedule_of(asking(budget_s=60), None, pilot(), spent_s=9)
    total_s = pilot_cost(BASE, pilot()).total_s(schedule.sessions, schedule.rounds)
    assert 50 < total_s <= 51
    assert schedule.reason.endswith("total 51 s of the 60 s budget, of which 9 s are spent before the first session")


def test_numbers_in_the_file_win_over_the_pilots() -> None:
    schedule = schedule_of(asking(sessions=9, rounds=7), None, pilot())
    assert (schedule.sessions, schedule.rounds, schedule.reason) == (9, 7, "as design.sessions and design.rounds say")
    assert schedule_of(asking(sessions=9), None, pilot()).sessions == 9
    assert schedule_of(asking(rounds=7), None, pilot()).rounds == 7


def test_a_fixed_number_of_sessions_is_looked_at_once() -> None:
    assert schedule_of(asking(sessions=20), None, pilot()).looks == (20,)
    assert schedule_of(asking(sessions=2, rounds=3), None).looks == (2,)


@given(st.integers(2, 200))
def test_looks_are_at_most_4_at_even_distances_from_8_to_the_last(sessions: int) -> None:
    looks = look_sessions(sessions)
    distances = [later - earlier for earlier, later in pairwise(looks)]
    assert looks[-1] == sessions
    assert len(looks) == 1 or looks[0] == 8
    assert len(looks) <= 4
    assert all(distance >= 2 for distance in distances)
    assert max(distances, default=0) - min(distances, default=0) <= 1


def test_few_sessions_have_fewer_looks() -> None:
    assert [look_sessions(sessions) for sessions in (8, 9, 10, 12, 30)] == [
        (8,), (9,), (8, 10), (8, 10, 12), (8, 15, 23, 30)
    ]  # fmt: skip
