"""A run ends in its time, on simulated machines: visits get shorter before sessions are given up."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.cost import Cost, pilot_cost
from harness.experiment.schedule import RunProgress, next_schedule, schedule_of
from harness.model import Design, Experiment, Pilot, Plan, Schedule
from harness.session.time_budget import Clock, TimeBudget
from tests.support.experiment_files import TWO_ARMS, read

PILOT = Pilot.model_validate(
    {
        "carry_over": (), "allan": (), "requests": 2000, "settle": 3, "burst": 16, "session_sd_percent": 0.3,
        "round_sd_percent": 4.0, "session_s": 1.0, "round_s": 0.02, "half_width_percent": 0.4, "gain": 9.0,
        "counting_s": 1.5,
    }
)  # fmt: skip
SPENT_S = 9.0
BASE = read(TWO_ARMS)


def experiment(budget_s: float, sessions: int | None = None) -> Experiment:
    return BASE.model_copy(update={"design": Design(budget_s=budget_s, sessions=sessions)})


def plan(asked: Experiment, pilot: Pilot = PILOT) -> Plan:
    """The orders of visits, which take long to draw, make no difference here."""
    return Plan(experiment=asked, schedule=schedule_of(asked, None, pilot, SPENT_S), orders=(), pilot=pilot)


@dataclass(slots=True)
class Simulation:
    """A run on a machine that is `slower` than its pilot was, from a session on."""

    now_s: float = SPENT_S
    sessions: int = 0

    def run(self, planned: Plan, slower: Callable[[int], float]) -> "Simulation":
        time_budget = TimeBudget(planned, 0, Clock(0.0, lambda: self.now_s))
        cost = pilot_cost(planned.experiment, planned.pilot or PILOT)
        while self.sessions < planned.schedule.sessions and (schedule := time_budget.next_session_schedule()):
            factor = slower(self.sessions)
            self.now_s += factor * cost.session_s + max(schedule.visiting_s or 0, factor * 2 * cost.round_s)
            self.now_s += factor * cost.counting_s if self.sessions < schedule.counted_sessions else 0
            self.sessions += 1
            time_budget.add(factor * cost.session_s)
        self.now_s += slower(self.sessions) * cost.ending_s(self.sessions, planned.schedule.rounds)
        return self


@given(st.floats(25, 600), st.floats(0.5, 1.0))
def test_a_machine_that_is_as_fast_as_in_the_pilot_makes_all_sessions_in_time(budget_s: float, slower: float) -> None:
    planned = plan(experiment(budget_s))
    run = Simulation().run(planned, lambda _: slower)
    assert run.sessions == planned.schedule.sessions
    assert run.now_s <= budget_s + 1e-6


@given(st.floats(40, 600), st.floats(1, 3))
def test_a_machine_that_is_slower_ends_in_time_with_8_sessions_where_these_fit(budget_s: float, slower: float) -> None:
    planned = plan(experiment(budget_s))
    run = Simulation().run(planned, lambda _: slower)
    assert run.now_s <= budget_s + 2 * slower
    possible = SPENT_S + slower * pilot_cost(planned.experiment, PILOT).total_s(8, 2, 4) * 1.3 < budget_s
    assert run.sessions >= (8 if possible else 2)


def test_a_machine_that_slows_down_in_the_middle_has_fewer_sessions_and_no_overrun() -> None:
    planned = plan(experiment(200))
    run = Simulation().run(planned, lambda session: 1 if session < 6 else 6)
    assert 8 <= run.sessions < planned.schedule.sessions
    assert run.now_s <= 206


def test_where_the_least_was_said_to_take_longer_than_the_budget_it_is_made_however_long_it_takes() -> None:
    planned = plan(experiment(12))
    assert planned.schedule.limit_s is not None
    assert planned.schedule.limit_s > 12
    assert Simulation().run(planned, lambda _: 3).sessions == 8


def test_sessions_that_the_file_fixes_are_all_made() -> None:
    planned = plan(experiment(60, sessions=20))
    assert Simulation().run(planned, lambda _: 4).sessions == 20


def test_without_a_clock_as_when_a_run_is_resumed_all_that_was_planned_is_measured() -> None:
    planned = plan(experiment(60))
    assert TimeBudget(planned, 11).next_session_schedule() == planned.schedule


SCHEDULE = Schedule(sessions=20, rounds=50, burst=8, settle=2, reason="", visiting_s=1.0, looks=(8, 12, 16, 20))
AT = RunProgress(done=10, left_s=20.0, session_s=1.0, round_s=0.02)


@pytest.mark.parametrize(
    ("left_s", "visiting_s"),
    [(100, 1.0), (20, 1.0), (17.5, 0.75), (15.0, 0.5), (3.0, 0.5), (1.1, 0.1), (1.05, 0.05), (1.03, None)],
)
def test_visits_are_cut_to_a_half_before_a_session_is_given_up(left_s: float, visiting_s: float | None) -> None:
    schedule = next_schedule(SCHEDULE, replace(AT, left_s=left_s))
    assert (schedule and schedule.visiting_s) == (visiting_s and pytest.approx(visiting_s))


def test_the_first_8_sessions_share_what_is_left_down_to_two_rounds() -> None:
    schedule = next_schedule(SCHEDULE, replace(AT, done=4, left_s=4.8))
    assert schedule
    assert schedule.visiting_s == pytest.approx(0.2)
    shortest = next_schedule(SCHEDULE, replace(AT, done=4, left_s=4.0))
    assert shortest
    assert shortest.visiting_s == pytest.approx(0.04)


def test_an_end_by_the_clock_leaves_the_looks_that_were_made_and_is_the_last_one() -> None:
    whole = plan(experiment(60)).model_copy(update={"schedule": SCHEDULE})
    assert whole.actual_schedule == SCHEDULE
    ended = whole.model_copy(update={"out_of_time_after": 14}).actual_schedule
    assert (ended.sessions, ended.looks) == (14, (8, 12, 14))
    early = whole.model_copy(update={"out_of_time_after": 5}).actual_schedule
    assert (early.sessions, early.looks) == (5, (5,))


def test_what_a_run_costs_is_the_sum_of_its_parts() -> None:
    cost = Cost(1.0, 0.1, "", analysis_s=0.01, counting_s=2.0, reporting_s=3.0)
    assert cost.total_s(10, 5, counted=4) == pytest.approx(10 * (1 + 5 * 0.11) + 4 * 2 + 3)
    assert cost.ending_s(10, 5) == pytest.approx(3.5)
    assert cost.scale(2).total_s(10, 5) == pytest.approx(2 * cost.total_s(10, 5))
    assert [cost.perf_sessions(time_s) for time_s in (10, 20, 40, 80, 1000)] == [0, 1, 2, 4, 4]
