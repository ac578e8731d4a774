"""What a pilot chooses and expects, on simulated machines whose noise, carry-over and costs are known."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.pilot import (
    MIN_SESSION_SD_PERCENT,
    MIN_SHARED_SESSION_SD_PERCENT,
    PilotSession,
    drift,
    interleaving_gain,
    pilot_of,
    relative_times,
    round_s,
    round_sd_percent,
    round_times_us,
    session_sd_percent,
    times_by_position,
)
from harness.experiment.schedule import EffectSpread, schedule_of
from harness.model import Arm, Design, Experiment, Schedule, Settings, Visit
from tests.support.simulated_machine import Machine
from tests.support.simulated_sessions import experiment_of

BASE = experiment_of("a", "b", "c")
TRIAL = Schedule(sessions=3, rounds=20, burst=64, settle=0, reason="pilot")
PLAIN = replace(Machine(), request_us=500.0, stolen=0.0)


def asking(**design: float) -> Experiment:
    return BASE.model_copy(update={"design": Design.model_validate(design)})


def driven_by(tool: str, experiment: Experiment = BASE) -> Experiment:
    arms = (Arm(name=arm.name, settings=Settings(tool=tool), control_of=arm.control_of) for arm in experiment.arms)
    return experiment.model_copy(update={"arms": tuple(arms)})


def sessions_of(machine: Machine, seed: int = 1, experiment: Experiment = BASE) -> list[PilotSession]:
    return machine.pilot(np.random.default_rng(seed), experiment, TRIAL)


def visit(round_: int, arm: str, *latency_us: int, requests: int = 4) -> Visit:
    return Visit(
        round=round_,
        order=0,
        arm=arm,
        requests=requests,
        mean_us=float(np.mean(latency_us)) if latency_us else None,
        positions=tuple(range(len(latency_us))),
        start_ns=tuple(1_000_000 * place for place in range(len(latency_us))),
        latency_ns=tuple(1000 * us for us in latency_us),
    )


def test_settling_lasts_as_long_as_the_machine_needs() -> None:
    noiseless = replace(PLAIN, noise=0.005, drift=0)
    for settling, settles in ((0.5, {1, 2}), (2.0, {7, 8, 9})):
        slow = replace(noiseless, slower_first_us=50.0, settling=settling)
        assert pilot_of(BASE, sessions_of(slow)).settle in settles
    assert pilot_of(BASE, sessions_of(replace(noiseless, slower_first_us=0.0))).settle == 0


def test_a_machine_that_drifts_gets_shorter_bursts() -> None:
    bursts = [pilot_of(BASE, sessions_of(replace(PLAIN, drift=drift))).burst for drift in (0, 0.003, 0.02)]
    assert bursts[0] >= 16
    assert bursts == sorted(bursts, reverse=True)
    assert bursts[2] == 4


def test_the_files_own_lengths_stand_and_the_curves_are_shown_all_the_same() -> None:
    pilot = pilot_of(asking(settle=7, burst=5), sessions_of(PLAIN))
    assert (pilot.settle, pilot.burst) == (7, 5)
    assert len(pilot.carry_over) == 32
    assert [point.burst for point in pilot.allan] == [1, 2, 4, 8, 16]


def test_costs_are_those_of_the_chosen_lengths() -> None:
    pilot = pilot_of(BASE, sessions_of(PLAIN))
    assert pilot.session_s == PLAIN.start_s
    assert pilot.round_s == pytest.approx(PLAIN.cost(BASE, pilot.settle, pilot.burst).round_s, rel=0.25)
    assert pilot.requests == 3 * 20 * 4 * 64


def test_time_that_is_gone_makes_the_expected_interval_wider() -> None:
    sessions = sessions_of(PLAIN)
    fresh, late = (pilot_of(BASE, sessions, spent_s).half_width_percent for spent_s in (0, 30))
    assert late > 1.1 * fresh


def test_the_expected_half_width_is_what_runs_turn_out_to_have() -> None:
    machine = replace(PLAIN, session_sd=MIN_SHARED_SESSION_SD_PERCENT / 100 / np.sqrt(2), drift=0.001)
    experiment = asking(budget_s=30)
    pilot = pilot_of(experiment, sessions_of(machine))
    schedule = schedule_of(experiment, None, pilot)
    effects = machine.effects(np.random.default_rng(1), experiment, schedule, runs=40)
    half_widths = 100 * 2.3 * effects.std(axis=-1, ddof=1) / np.sqrt(schedule.sessions)
    assert pilot.half_width_percent == pytest.approx(np.sqrt(np.mean(half_widths**2)), rel=0.2)


def test_the_gain_of_taking_turns_is_a_lower_bound_that_drift_lifts() -> None:
    """Against runs in which every arm has all its time in one piece."""
    machine = replace(PLAIN, drift=0.002)
    experiment = asking(budget_s=30)
    pilot = pilot_of(experiment, sessions_of(machine))
    schedule = schedule_of(experiment, None, pilot)
    rng = np.random.default_rng(1)
    in_turn = machine.effects(rng, experiment, schedule, runs=40).mean(axis=-1)
    whole = schedule.sessions * schedule.rounds * schedule.burst
    pieces = schedule.model_copy(update={"sessions": 1, "rounds": 1, "burst": whole})
    one_after_the_other = machine.effects(rng, experiment, pieces, runs=40).mean(axis=-1)
    assert 10 < pilot.gain < one_after_the_other.std(axis=0).mean() / in_turn.std(axis=0).mean()


def test_without_drift_nothing_is_said_to_be_gained() -> None:
    gains = [pilot_of(BASE, sessions_of(replace(PLAIN, drift=0), seed)).gain for seed in range(5)]
    assert np.median(gains) < 2


def test_an_outside_tools_runs_give_costs_and_spread_but_no_curves() -> None:
    experiment = driven_by("ab")
    trial = Schedule(sessions=3, rounds=20, burst=1, settle=5, reason="pilot")
    sessions = PLAIN.pilot(np.random.default_rng(1), experiment, trial)
    pilot = pilot_of(experiment, sessions)
    assert (pilot.carry_over, pilot.allan, pilot.settle, pilot.burst) == ((), (), 5, 1)
    assert pilot.round_s == pytest.approx(PLAIN.cost(experiment, 5, 1).round_s, rel=0.25)
    assert pilot.round_sd_percent == pytest.approx(100 * np.sqrt(2) * PLAIN.noise, rel=0.4)


def test_a_pilot_in_which_everything_failed_leaves_the_usual_lengths() -> None:
    visits = [Visit(round=0, order=0, arm=arm.name, requests=0, mean_us=None, failures={"502": 8}) for arm in BASE.arms]
    pilot = pilot_of(BASE, [PilotSession(visits, visiting_s=0.5, session_s=1.0)] * 2)
    assert (pilot.settle, pilot.burst, pilot.requests, pilot.carry_over, pilot.allan) == (2, 8, 0, (), ())
    assert pilot.round_s == 0.5
    assert (pilot.session_sd_percent, pilot.round_sd_percent) == (MIN_SHARED_SESSION_SD_PERCENT, 5.0)


def test_the_same_visits_always_give_the_same_pilot() -> None:
    assert pilot_of(BASE, sessions_of(PLAIN)) == pilot_of(BASE, sessions_of(PLAIN))


def test_only_visits_without_a_gap_show_positions() -> None:
    visits = [visit(0, "a", 400, 300, 200), visit(0, "b", 400, 300), visit(1, "a")]
    assert times_by_position([PilotSession(visits, 1, 1)]).tolist() == [[400_000, 300_000, 200_000]]
    failed = PilotSession([visit(0, "a")], 1, 1)
    assert times_by_position([failed]).size == 0


def test_the_session_with_the_shortest_visits_sets_the_positions() -> None:
    sessions = [PilotSession([visit(0, "a", *times)], 1, 1) for times in ([4, 3, 2], [5, 6])]
    assert times_by_position(sessions).tolist() == [[4000, 3000], [5000, 6000]]


def test_a_series_leaves_out_what_settles_and_marks_what_is_missing() -> None:
    tool = Visit(round=1, order=0, arm="b", requests=1000, mean_us=77.0)
    visits = [visit(0, "a", 400, 300, 200), visit(1, "a", 400), visit(0, "b"), tool]
    series = round_times_us(PilotSession(visits, 1, 1), settle=1)
    assert series["a"] == pytest.approx([250, np.nan], nan_ok=True)
    assert series["b"] == pytest.approx([np.nan, 77], nan_ok=True)


def test_in_order_every_visit_stands_as_a_part_of_its_arms_typical_one() -> None:
    visits = [visit(0, "a", 100), visit(0, "b", 500), visit(1, "b", 1500), visit(1, "a", 300), visit(2, "a", 200)]
    assert relative_times(PilotSession(visits, 1, 1), settle=0) == pytest.approx([0.5, 0.5, 1.5, 1.5, 1.0])


def test_a_round_of_shorter_visits_spares_their_requests() -> None:
    """Two arms of 4 requests, a millisecond from one to the next, in a second of which most is overhead."""
    visits = [visit(round_, arm, 400, 400, 400, 400) for round_ in range(2) for arm in ("a", "b")]
    sessions = [PilotSession(visits, visiting_s=2.0, session_s=1.0)]
    assert round_s(sessions, settle=0, burst=4) == pytest.approx(1.0)
    assert round_s(sessions, settle=1, burst=1) == pytest.approx(1.0 - 2 * 0.002)
    assert round_s(sessions, settle=2, burst=6) == pytest.approx(1.0 + 2 * 0.004)


def series(sessions: int, rounds: int, session_sd: float, round_sd: float, seed: int) -> list[Mapping[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    effects = rng.normal(0, session_sd, (sessions, 1)) + rng.normal(0, round_sd, (sessions, rounds))
    return [{"a": np.full(rounds, 400.0), "b": 400 * np.exp(of_session)} for of_session in effects]


def test_the_spread_of_rounds_is_found() -> None:
    seen = series(3, 400, session_sd=0.02, round_sd=0.05, seed=1)
    assert round_sd_percent(seen, [("b", "a")]) == pytest.approx(5, rel=0.1)


def test_the_spread_of_sessions_is_found_where_rounds_do_not_explain_it() -> None:
    found = [
        session_sd_percent(series(12, 50, session_sd=0.03, round_sd=0.05, seed=seed), [("b", "a")])
        for seed in range(30)
    ]
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(3, rel=0.15)


def test_the_spread_of_rounds_is_seldom_taken_for_one_of_sessions() -> None:
    found = [
        session_sd_percent(series(3, 50, session_sd=0, round_sd=0.05, seed=seed), [("b", "a")]) for seed in range(200)
    ]
    assert found.count(0.0) > 0.8 * 200


def test_a_single_session_shows_no_spread_of_sessions() -> None:
    seen = series(1, 50, session_sd=0.1, round_sd=0.05, seed=1)
    assert session_sd_percent(seen, [("b", "a")]) == 0


def test_a_start_is_assumed_to_tell_on_arms_with_processes_of_their_own_more_than_on_others() -> None:
    separate = asking().model_copy(update={"design": Design(processes="separate")})
    spreads = [pilot_of(experiment, sessions_of(PLAIN)).session_sd_percent for experiment in (BASE, separate)]
    assert spreads == [MIN_SHARED_SESSION_SD_PERCENT, MIN_SESSION_SD_PERCENT]


def test_drift_is_what_quarters_of_a_session_differ_by_beyond_chance() -> None:
    rng = np.random.default_rng(1)
    white = [np.exp(rng.normal(0, 0.05, 80)) for _ in range(30)]
    walking = [visits * np.exp(np.cumsum(rng.normal(0, 0.01, 80))) for visits in white]
    assert drift(white) < 0.01
    assert drift(walking) == pytest.approx(0.01 * np.sqrt(20 / 3), rel=0.2)
    assert drift([np.ones(4)]) == 0
    assert drift([]) == 0


def test_a_gain_worked_by_hand() -> None:
    """Sessions without spread of their own; 100 rounds of 5 %: 1.29 * 25 / 100 in a session, a fourth of it in 4."""
    schedule = Schedule(sessions=4, rounds=100, burst=8, settle=2, reason="")
    found = interleaving_gain(0.03, EffectSpread(session_sd_percent=0, round_sd_percent=5), schedule)
    assert found == pytest.approx(np.sqrt(2 * 9 / (1.29 * 25 / 100 / 4)))
    assert interleaving_gain(0.0, EffectSpread(session_sd_percent=0, round_sd_percent=5), schedule) == 1
