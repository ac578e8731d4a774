"""A run may stop when it is precise, and that raises no more false alarms than was promised."""

from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis.contrasts.pairs import FALSE_ALARMS_PERCENT, should_stop
from harness.analysis.statistics.group_sequential import confidence_at
from harness.analysis.statistics.series import SessionData
from harness.analysis.summary import run_summary
from harness.experiment.schedule import look_sessions
from harness.model import Comparison, Design, Experiment, Summary
from tests.support.group_sequential_runs import ending_of
from tests.support.simulated_sessions import experiment_of, schedule_of, session_of

LOOKS = (8, 10, 12)
RUNS = 1000
NEGLIGIBLE = 1e-9  # a margin so narrow that no equivalence hides a false alarm


def asking(precision_percent: float, *arms: str, equivalence_percent: float = 1.0) -> Experiment:
    design = Design(precision_percent=precision_percent, equivalence_percent=equivalence_percent)
    return experiment_of("a", *(arms or "b")).model_copy(update={"design": design})


def sessions_with(b_us: Sequence[float], control_us: Sequence[float] | None = None) -> list[SessionData]:
    """One session for each time of b, against 100 us."""
    controls = control_us or [100.0] * len(b_us)
    return [
        session_of({"a": [100.0], "b": [b], "control": [control]}, number=number)
        for number, (b, control) in enumerate(zip(b_us, controls, strict=True), start=1)
    ]


def near(b_us: float, count: int, spread_us: float) -> list[float]:
    return [b_us + spread_us * (-1) ** place for place in range(count)]


def summary_of(sessions: Sequence[SessionData], precision_percent: float) -> Summary:
    schedule = schedule_of(12, LOOKS)
    return run_summary(asking(precision_percent), sessions, directory="d", schedule=schedule, seconds_total=1)


def latency(summary: Summary, arm: str) -> Comparison:
    return next(one for one in summary.comparisons if (one.arm, one.metric) == (arm, "latency"))


def test_a_run_that_was_precise_enough_at_a_look_is_complete_and_valid() -> None:
    summary = summary_of(sessions_with(near(90, 8, 0.1)), precision_percent=0.5)
    assert (summary.sessions, summary.planned_sessions, summary.valid) == (8, 8, True)
    assert summary.doubts == ()


def test_its_intervals_are_as_sure_as_that_look_demands() -> None:
    found = latency(summary_of(sessions_with(near(90, 8, 0.1)), precision_percent=0.5), "b")
    assert found.confidence == confidence_at(LOOKS, 8)
    assert found.confidence > 0.98
    assert found.verdict == "faster"


def test_a_run_that_is_not_precise_yet_wants_all_its_sessions() -> None:
    summary = summary_of(sessions_with(near(90, 8, 5)), precision_percent=0.5)
    assert (summary.planned_sessions, summary.valid) == (12, False)
    assert [doubt.kind for doubt in summary.doubts] == ["incomplete"]


def test_between_two_looks_nothing_stops_a_run() -> None:
    assert summary_of(sessions_with(near(90, 9, 0.1)), precision_percent=0.5).planned_sessions == 12


def test_all_sessions_are_enough_however_wide_the_interval() -> None:
    summary = summary_of(sessions_with(near(90, 12, 5)), precision_percent=0.5)
    assert (summary.planned_sessions, summary.valid) == (12, True)


def test_the_control_may_be_as_wide_as_it_likes() -> None:
    sessions = sessions_with(near(90, 8, 0.1), control_us=near(100, 8, 5))
    assert summary_of(sessions, precision_percent=0.5).planned_sessions == 8


def test_an_arm_without_an_interval_is_not_precise() -> None:
    sessions = [session_of({"a": [100.0], "b": [None], "control": [100.0]}, number=n) for n in range(1, 9)]
    assert summary_of(sessions, precision_percent=0.5).planned_sessions == 12


def test_precise_means_plus_and_minus_what_was_asked_at_the_confidence_of_the_look() -> None:
    summary = summary_of(sessions_with(near(90, 8, 0.5)), precision_percent=5)
    found = latency(summary, "b")
    assert found.percent_high is not None
    assert found.percent_low is not None
    half_width = (found.percent_high - found.percent_low) / 2
    for precision, enough in ((half_width * 1.001, True), (half_width * 0.999, False)):
        assert should_stop(asking(precision), LOOKS, 8, [2 * half_width]) is enough


def test_what_is_undecided_at_an_early_look_is_told_a_number_that_is_yet_to_come() -> None:
    """At the confidence of the last look 8 such sessions would do, which this run has."""
    found = latency(summary_of(sessions_with(near(98, 8, 2.0)), precision_percent=50), "b")
    assert found.verdict == "undecided"
    assert found.sessions_to_decide is not None
    assert 8 < found.sessions_to_decide <= 12


def alarms(last: int, precision: float, family: int) -> float:
    """The share of runs with an alarm where nothing differs; `precision` is in the half widths that are expected."""
    looks = look_sessions(last)
    half_width_percent = 2.2 / np.sqrt(last)
    names = ["b", "c", "d"][:family]
    experiment = asking(precision * half_width_percent, *names, equivalence_percent=NEGLIGIBLE)
    effects = np.random.default_rng(last).normal(0, 0.01, (RUNS, 1 + family, last))
    ends = map(ending_of(experiment, looks), effects)
    return float(np.mean([any(verdict != "undecided" for verdict in end.verdicts) for end in ends]))


@pytest.mark.parametrize(("last", "family"), [(8, 1), (11, 1), (13, 1), (25, 1), (30, 2)])
@pytest.mark.parametrize("precision", [0.75, 1.25])
def test_looking_and_stopping_early_raises_no_more_false_alarms_than_documented(
    last: int, family: int, precision: float
) -> None:
    promised = FALSE_ALARMS_PERCENT[len(look_sessions(last))] / 100
    assert promised <= 0.05
    assert 0.005 < alarms(last, precision, family) <= promised + 3 * np.sqrt(promised * (1 - promised) / RUNS)


def test_a_difference_as_large_as_the_margin_is_called_equivalent_in_5_percent_at_most() -> None:
    experiment = asking(0.6)
    effects = np.random.default_rng(1).normal(np.log(1.01), 0.01, (RUNS, 2, 20))
    ends = map(ending_of(experiment, look_sessions(20)), effects)
    equivalent = np.mean([end.verdicts == ("equivalent",) for end in ends])
    assert 0.02 < equivalent <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)
