"""What a calibration says of machines whose truth is known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from harness.analysis.calibration import calibration_of
from harness.analysis.statistics.series import SessionData
from harness.model import Pilot, Settings
from harness.model.record import SESSIONS_PER_RUN, Calibration
from harness.report.commands.machine import calibration_note, calibration_report
from harness.session.calibrate import SPIKES_US, calibration_experiment, calibration_schedule
from tests.support.simulated_sessions import World, session_of

QUIET = World(sessions=160, rounds=30, drift=0.01, noise=0.02, memory=0.3, session_sd=0.002, stolen=0.0)
EXPERIMENT = calibration_experiment(Settings(), budget_s=240)
ARMS = [arm.name for arm in EXPERIMENT.arms]


@cache
def calibration(added_us: tuple[float, ...] = (0, 20, 50, 0), world: World = QUIET) -> Calibration:
    """Of a world in which the arms base, spike-20, spike-50, control take so much longer than 400 us."""
    times_us = world.times_us(np.random.default_rng(1), 1, [1.0] * len(ARMS))[0] + np.array(added_us)
    return calibration_of(
        EXPERIMENT, [_session(number, times_us[number]) for number in range(world.sessions)], SPIKES_US
    )


def _session(number: int, times_us: np.ndarray) -> SessionData:
    return session_of({arm: list(times_us[:, place]) for place, arm in enumerate(ARMS)}, number=number + 1)


def answer(found: Calibration) -> str:
    return " ".join(calibration_report(found).answer)


def test_the_sessions_are_cut_into_runs_of_eight() -> None:
    assert calibration().aa.runs == QUIET.sessions // SESSIONS_PER_RUN


def test_an_honest_machine_raises_alarms_at_the_promised_rate() -> None:
    assert calibration().aa.percent_low <= 5 <= calibration().aa.percent_high


def test_a_twin_that_is_slower_is_an_alarm_in_every_run() -> None:
    lying = calibration((0, 20, 50, 30))
    assert lying.aa.alarms == lying.aa.runs
    assert answer(lying).startswith("Treat results")


def test_an_honest_machine_is_believed_after_ten_runs_and_not_before() -> None:
    short, enough = (calibration(world=replace(QUIET, sessions=runs * SESSIONS_PER_RUN)) for runs in (9, 10))
    assert answer(short).startswith("Too few A/A runs (9) to check the rate of false alarms: at least 10")
    assert "Use a longer --budget." in answer(short)
    assert answer(enough).startswith("Calibrated: no more false alarms")
    assert "Too few" not in answer(enough)


def test_an_objection_after_few_runs_stands_before_their_number() -> None:
    lying = answer(calibration((0, 20, 50, 30), replace(QUIET, sessions=2 * SESSIONS_PER_RUN)))
    assert lying.startswith("Treat results of this machine with care: A/A comparisons showed a difference in 2")
    assert lying.index("Treat results") < lying.index("Too few A/A runs (2)")


def test_known_spikes_are_found_and_covered() -> None:
    for spike in calibration().spikes:
        assert spike.estimate_us == pytest.approx(spike.us, rel=0.15)
        assert spike.covered >= 0.85 * spike.runs


def test_a_spike_that_costs_twice_what_it_should_is_missed() -> None:
    assert calibration((0, 40, 100, 0)).spikes[1].covered == 0


def test_exchanged_labels_flip_the_sign_in_every_run() -> None:
    assert calibration().swap.flipped == calibration().swap.runs


def test_a_noisier_machine_has_a_higher_floor() -> None:
    noisy = World(sessions=160, rounds=30, session_sd=0.02)
    assert calibration(world=noisy).floor_percent > 2 * calibration().floor_percent


def test_a_difference_as_large_as_the_floor_is_seen_in_four_runs_of_five() -> None:
    floor_us = calibration().floor_us
    seen = calibration((0, 20, 50, floor_us)).aa
    assert 0.6 <= seen.alarms / seen.runs <= 0.95


def test_the_mention_beside_results_names_alarms_and_floor() -> None:
    assert "in 20 A/A runs" in calibration_note(calibration())
    assert "Noise floor: a difference of" in calibration_note(calibration())


def test_a_calibration_is_whole_runs_that_fill_the_time() -> None:
    pilot = Pilot(
        requests=1, carry_over=(), allan=(), settle=2, burst=8, session_sd_percent=0.4, round_sd_percent=5,
        session_s=0.6, round_s=0.02, half_width_percent=1, gain=1,
    )  # fmt: skip
    schedule = calibration_schedule(pilot, 230)
    total_s = schedule.sessions * (pilot.session_s + schedule.rounds * pilot.round_s)
    assert schedule.sessions % SESSIONS_PER_RUN == 0
    assert total_s == pytest.approx(230, rel=0.1)


def test_a_time_too_short_for_two_runs_still_makes_two() -> None:
    pilot = Pilot(
        requests=1, carry_over=(), allan=(), settle=2, burst=8, session_sd_percent=0.4, round_sd_percent=5,
        session_s=5, round_s=0.02, half_width_percent=1, gain=1,
    )  # fmt: skip
    assert calibration_schedule(pilot, 10).sessions == 2 * SESSIONS_PER_RUN
