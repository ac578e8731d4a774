"""An effect that depends on the machine's state is a doubt, and a machine that only drifts is none."""

from collections.abc import Callable

import numpy as np
import pytest

from harness.analysis.contrasts.engine import RunEvidence
from harness.analysis.contrasts.machine_states import state_doubts
from harness.analysis.contrasts.pairs import compare_pairs, without_controls
from harness.model import MACHINE_STATE, Doubt
from tests.support.simulated_sessions import Floats, experiment_of, schedule_of, session_of
from tests.unit.analysis.test_summary import summary_of

ARMS = ("tcp", "uds-tmpfs", "uds-dir", "control")
EXPERIMENT = experiment_of(*ARMS[:3])
RUNS = 300
MOST_ALARMS = 3  # 1 %
Random = np.random.Generator
SLOW = np.log(1.17)


def doubts_of(logs: Floats) -> list[Doubt]:
    """The doubts of a run whose log times are (sessions, arms)."""
    sessions = [
        session_of({arm: [400 * float(np.exp(log))] for arm, log in zip(ARMS, of_session, strict=True)}, number=number)
        for number, of_session in enumerate(logs, start=1)
    ]
    evidence = RunEvidence(EXPERIMENT, sessions, schedule_of(len(sessions)).looks)
    return list(state_doubts(evidence, without_controls(compare_pairs(evidence, ("latency",)))))


def run_in_two_states(random: Random, *, effects: tuple[float, float], slow: int = 7, sessions: int = 25) -> Floats:
    """Log times: in the first `slow` sessions the machine is 17 % slower; the effects are of fast and slow sessions."""
    is_slow = np.arange(sessions) < slow
    logs = random.normal(0, 0.008, (sessions, len(ARMS))) + (SLOW * is_slow + random.normal(0, 0.01, sessions))[:, None]
    logs[:, 1] += np.where(is_slow, effects[1], effects[0])
    return np.asarray(logs)


def test_the_doubt_names_the_states_and_the_effect_in_each_of_them() -> None:
    (doubt,) = doubts_of(run_in_two_states(np.random.default_rng(1), effects=(-0.045, 0.0)))
    assert doubt.kind == MACHINE_STATE
    assert doubt.seen == (
        "An effect depends on the machine's state. In 7 of 25 sessions the machine was 18 % slower: uds-tmpfs against "
        "tcp +0.1 % (95 % interval -0.3 to +0.5) in those 7, -4.3 % (95 % interval -4.7 to -4.0) in the other 18."
    )
    assert "not their average" in doubt.advice


def test_it_is_found_in_most_runs_of_the_usual_length() -> None:
    runs = [
        run_in_two_states(np.random.default_rng(seed), effects=(-0.045, 0.0), slow=6, sessions=18) for seed in range(50)
    ]
    assert sum(bool(doubts_of(logs)) for logs in runs) >= 45


def test_an_effect_that_differs_by_less_than_the_margin_is_none() -> None:
    assert doubts_of(run_in_two_states(np.random.default_rng(1), effects=(-0.045, -0.0375))) == []
    assert len(doubts_of(run_in_two_states(np.random.default_rng(1), effects=(-0.045, -0.025)))) == 1


@pytest.mark.parametrize(("slow", "sessions"), [(2, 25), (2, 5), (23, 25)])
def test_a_state_needs_three_sessions(slow: int, sessions: int) -> None:
    assert (
        doubts_of(run_in_two_states(np.random.default_rng(1), effects=(-0.2, 0.0), slow=slow, sessions=sessions)) == []
    )


def test_a_machine_of_one_speed_has_no_states_whatever_its_effects() -> None:
    logs = run_in_two_states(np.random.default_rng(1), effects=(-0.045, 0.0))
    logs -= (SLOW * (np.arange(25) < 7))[:, None]
    assert doubts_of(logs) == []


def test_several_effects_are_one_doubt() -> None:
    logs = run_in_two_states(np.random.default_rng(1), effects=(-0.045, 0.0))
    logs[:7, 2] += 0.1
    (doubt,) = doubts_of(logs)
    assert doubt.seen.startswith("2 effects depend on the machine's state. In 7 of 25 sessions")
    assert doubt.seen.index("uds-dir against tcp") < doubt.seen.index("uds-tmpfs against tcp")


def test_a_run_has_the_doubt_and_stays_valid() -> None:
    logs = run_in_two_states(np.random.default_rng(1), effects=(-0.045, 0.0))
    times_us = 400 * np.exp(logs[:, [0, 1, 3]])
    sessions = [
        session_of({arm: [us] * 3 for arm, us in zip(("a", "b", "control"), of_session, strict=True)}, number=number)
        for number, of_session in enumerate(times_us.tolist(), start=1)
    ]
    summary = summary_of(sessions, planned=len(sessions))
    assert ([doubt.kind for doubt in summary.doubts], summary.valid) == ([MACHINE_STATE], True)


# Worlds in which no effect depends on the state


def machine_that_walks(random: Random, sessions: int) -> Floats:
    level = np.cumsum(random.normal(0, 0.03, sessions))
    return np.asarray(level[:, None] + 0.01 * random.standard_t(3, (sessions, len(ARMS))))


def machine_of_two_states(random: Random, sessions: int) -> Floats:
    return run_in_two_states(random, effects=(-0.045, -0.045), slow=max(3, sessions // 4), sessions=sessions)


def machine_whose_slow_state_is_noisy(random: Random, sessions: int) -> Floats:
    is_slow = (np.arange(sessions) < max(3, sessions // 4))[:, None]
    return np.asarray(SLOW * is_slow + random.normal(0, 0.005, (sessions, len(ARMS))) * np.where(is_slow, 3, 1))


def machine_that_slows_single_arms(random: Random, sessions: int) -> Floats:
    is_hit = random.random((sessions, len(ARMS))) < 0.2
    return np.asarray(random.normal(0, 0.01, is_hit.shape) + is_hit * random.exponential(0.3, is_hit.shape))


@pytest.mark.parametrize("sessions", [8, 25])
@pytest.mark.parametrize(
    "machine",
    [machine_that_walks, machine_of_two_states, machine_whose_slow_state_is_noisy, machine_that_slows_single_arms],
)
def test_drift_alone_raises_the_doubt_in_at_most_1_percent_of_runs(
    machine: Callable[[Random, int], Floats], sessions: int
) -> None:
    runs = [machine(np.random.default_rng(seed), sessions) for seed in range(RUNS)]
    assert sum(bool(doubts_of(logs)) for logs in runs) <= MOST_ALARMS
