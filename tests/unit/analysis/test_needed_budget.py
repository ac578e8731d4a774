"""The budget that would decide: another run with it, with the same spread and costs, decides."""

import numpy as np
import pytest

from harness.analysis.needed_budget import MAX_BUDGET_S, MAX_GROWTH, needed_budget
from harness.analysis.pilot import pilot_of
from harness.experiment.cost import visit_lengths
from harness.experiment.schedule import pilot_schedule, schedule_of
from harness.model import (
    Arm,
    Comparison,
    Design,
    Experiment,
    NeededBudget,
    Pilot,
    RunSeconds,
    Schedule,
    Settings,
    Summary,
)
from tests.support.simulated_machine import Machine

EXPERIMENT = Experiment(
    name="e",
    question="",
    arms=(Arm(name="a", settings=Settings()), Arm(name="b", settings=Settings())),
    pairs=(("b", "a"),),
    design=Design(budget_s=60, control=False),
)
SESSIONS = 12


def pilot_and_schedule(experiment: Experiment = EXPERIMENT) -> tuple[Pilot, Schedule]:
    machine = Machine()
    trial = pilot_schedule(experiment, machine.cost(experiment, *visit_lengths(experiment)).round_s)
    pilot = pilot_of(experiment, machine.pilot(np.random.default_rng(1), experiment, trial))
    return pilot, schedule_of(experiment, None, pilot, 5.0)


def summary_with(
    percent: float, half: float, verdict: str, experiment: Experiment = EXPERIMENT, **changes: object
) -> Summary:
    pilot, schedule = pilot_and_schedule(experiment)
    comparison = Comparison.model_validate(
        {
            "arm": "b", "against": "a", "metric": "latency", "percent": percent, "percent_low": percent - half,
            "percent_high": percent + half, "us": 1, "us_low": 0, "us_high": 2, "p": 0.1, "p_adjusted": 0.1,
            "verdict": verdict,
        }
    )  # fmt: skip
    rounds_s = SESSIONS * schedule.rounds * pilot.round_s
    values = {
        "experiment": "e", "question": "", "directory": "d", "sessions": SESSIONS, "planned_sessions": SESSIONS,
        "valid": True, "arms": {},
        "seconds": RunSeconds(total=rounds_s + SESSIONS * pilot.session_s, measuring=rounds_s),
        "comparisons": (comparison,), "doubts": (), "schedule": schedule, "pilot": pilot,
    }  # fmt: skip
    return Summary.model_validate(values | changes)


def test_what_is_decided_and_precise_needs_nothing() -> None:
    assert needed_budget(EXPERIMENT, summary_with(-5.0, 0.4, "faster")) is None


def test_the_budget_grows_with_the_spread_until_the_run_cannot_tell() -> None:
    halves = (2.2, 2.5, 3.0, 95.0)
    found = [needed_budget(EXPERIMENT, summary_with(2.0, half, "undecided")) for half in halves]
    assert all(one and one.goal == "decide" for one in found)
    budgets = [one.budget_s for one in found if one]
    assert budgets[-1] is None
    known = [budget for budget in budgets if budget]
    assert known == sorted(known)
    assert len(known) == 3
    assert 60 <= known[0] < known[-1] <= MAX_BUDGET_S


def test_precision_is_what_is_left_where_all_is_decided() -> None:
    found = needed_budget(EXPERIMENT, summary_with(-9.0, 0.6, "faster"))
    assert found
    assert found.goal == "precision"
    assert (found.budget_s or 0) > 60


@pytest.mark.parametrize("half", [2.2, 2.5, 3.0])
def test_a_run_with_the_budget_has_an_interval_that_excludes_zero_or_lies_within_the_margin(half: float) -> None:
    summary = summary_with(2.0, half, "undecided")
    found = needed_budget(EXPERIMENT, summary)
    assert found
    assert found.budget_s
    then = EXPERIMENT.model_copy(update={"design": Design(budget_s=found.budget_s)})
    schedule, made = schedule_of(then, None, summary.pilot, 20.0), summary.schedule
    assert made
    visited = schedule.sessions * schedule.rounds / (SESSIONS * made.rounds)
    assert half / np.sqrt(visited) <= 2.3  # of visits alone, the narrowest that so much more time can give


def test_where_the_file_fixes_all_numbers_no_budget_is_named() -> None:
    fixed = EXPERIMENT.model_copy(update={"design": Design(sessions=12, rounds=50, control=False)})
    assert needed_budget(fixed, summary_with(2.0, 4.0, "undecided", fixed)) is None


def test_the_control_asks_for_nothing() -> None:
    twin = Arm(name="b", settings=Settings(), control_of="a")
    only = EXPERIMENT.model_copy(update={"arms": (EXPERIMENT.arms[0], twin)})
    assert needed_budget(only, summary_with(2.0, 4.0, "undecided")) is None


@pytest.mark.parametrize("half", [2.2, 2.5, 3.0])
def test_it_is_a_round_number_within_30_times_the_run(half: float) -> None:
    summary = summary_with(2.0, half, "undecided")
    found = needed_budget(EXPERIMENT, summary)
    assert isinstance(found, NeededBudget)
    assert found.budget_s
    assert found.budget_s % 60 == 0
    assert found.budget_s < MAX_GROWTH * summary.seconds.total


@pytest.mark.parametrize(("percent", "half", "verdict"), [(2.0, 4.0, "undecided"), (-9.0, 1.0, "faster")])
def test_a_run_of_a_minute_cannot_tell_what_hours_would_give(percent: float, half: float, verdict: str) -> None:
    found = needed_budget(EXPERIMENT, summary_with(percent, half, verdict))
    assert found
    assert found.budget_s is None
