"""The typical request: what a visit, a session and a reference with its control give; simulated with real tails."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.between_runs.changes import run_changes
from harness.analysis.contrasts.engine import (
    RunEvidence,
    RunSeries,
    WeightedSum,
    effect_of,
    estimate_effect,
    pair_terms,
    session_values,
)
from harness.analysis.contrasts.pairs import compare_pairs
from harness.analysis.statistics.intervals import EffectEstimate, Estimate
from harness.analysis.statistics.series import SessionData, typical_times
from harness.experiment.pairs import estimator_of
from harness.model import METRICS, Experiment, Schedule, Visit
from harness.model.experiment import EstimatorName
from harness.model.metrics import typical_time
from harness.session.measure import visit_rows
from tests.support.comparable_runs import run_data
from tests.support.experiment_files import TWO_ARMS, read
from tests.support.simulated_sessions import Floats, experiment_of, session_of

EXPERIMENTS, SESSIONS, ROUNDS, BURST = 1000, 8, 24, 4
CHANCE = 3 * math.sqrt(0.05 * 0.95 / EXPERIMENTS)  # how far a true rate of 5 % strays
ARMS = ("a", "control", "b")
EXPERIMENT = experiment_of("a", "b")


def request_times_us(rng: np.random.Generator) -> Floats:
    """Return the times of equal arms, (experiments, sessions, arms, rounds, burst), with the tails of recorded runs.

    Sessions differ in their level, visits are slow or fast as a whole (0.17 in logs, and 4 % of them more), requests
    vary with heavy tails, and in some sessions up to 3 % of them lose CPU time.
    """
    shape = (EXPERIMENTS, SESSIONS, len(ARMS), ROUNDS)
    level = rng.normal(0, 0.15, (EXPERIMENTS, SESSIONS, 1, 1)) + rng.normal(0, 0.15, (EXPERIMENTS, SESSIONS, 1, ROUNDS))
    starts = rng.normal(0, 0.003, (EXPERIMENTS, SESSIONS, len(ARMS), 1))
    visits = rng.normal(0, 0.08, shape) + (rng.random(shape) < 0.04) * rng.exponential(0.4, shape)
    requests = 0.08 * rng.standard_t(4, (*shape, BURST))
    share = rng.choice([0.001, 0.01, 0.03], (EXPERIMENTS, SESSIONS, 1, 1, 1))
    stolen_us = (rng.random(requests.shape) < share) * rng.exponential(900, requests.shape)
    times_us: Floats = 600 * np.exp((level + starts + visits)[..., None] + requests) + stolen_us
    return times_us


TIMES_US = request_times_us(np.random.default_rng(5))


def effects(times_us: Floats, arm: str = "b", against: str = "a") -> list[EffectEstimate]:
    """Return the estimate of each experiment."""
    found = []
    for run in typical_times(times_us):
        by_session = {number: dict(zip(ARMS, of_arms, strict=True)) for number, of_arms in enumerate(run)}
        series = RunSeries((), {"latency": by_session}, EXPERIMENT)
        found.append(estimate_effect(session_values(series, pair_terms((arm, against), "latency"))))
    return [effect for effect in found if effect]


def estimates(times_us: Floats, arm: str = "b", against: str = "a") -> list[Estimate]:
    return [effect.deciding for effect in effects(times_us, arm, against)]


def covered(found: Sequence[Estimate], truth: float) -> float:
    intervals = [estimate.interval(0.95) for estimate in found]
    return float(np.mean([low <= truth <= high for low, high in intervals]))


@pytest.mark.parametrize("against", ["a", "control"])
def test_equal_arms_are_called_different_in_5_percent_of_experiments_and_not_shifted(against: str) -> None:
    """Skewed noise would shift an arm against the mean of two visits in each round; not the mean of two comparisons."""
    found = estimates(TIMES_US, "b" if against == "a" else "control", "a")
    means = np.array([estimate.mean for estimate in found])

    assert abs(1 - covered(found, 0.0) - 0.05) < CHANCE
    assert abs(means.mean()) < 3 * means.std() / math.sqrt(EXPERIMENTS)


@pytest.mark.parametrize("factor", [1.01, 1.05])
def test_a_known_factor_is_covered(factor: float) -> None:
    found = estimates(TIMES_US * np.array([1, 1, factor])[:, None, None])

    assert abs(1 - covered(found, math.log(factor)) - 0.05) < CHANCE


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_a_burn_that_every_request_takes_longer_is_covered_in_microseconds(share: float) -> None:
    found = effects(TIMES_US + 600 * share * np.array([0, 0, 1])[:, None, None])

    assert abs(1 - covered([effect.difference_us for effect in found], 600 * share) - 0.05) < CHANCE


def test_the_middle_third_and_both_references_narrow_the_interval_of_means_and_medians() -> None:
    today = np.log(TIMES_US.mean(axis=-1))
    medians = np.median(today[:, :, 2] - today[:, :, 0], axis=-1)
    found = np.array([estimate.sd for estimate in estimates(TIMES_US)])

    assert np.sqrt((found**2).mean()) < 0.85 * np.sqrt(medians.var(axis=1, ddof=1).mean())


def test_swapped_labels_flip_the_sign_and_nothing_else() -> None:
    forward, back = (estimates(TIMES_US[:20], *pair) for pair in (("b", "a"), ("a", "b")))

    assert [estimate.mean for estimate in forward] == pytest.approx([-estimate.mean for estimate in back], abs=1e-12)
    assert [estimate.sd for estimate in forward] == pytest.approx([estimate.sd for estimate in back], abs=1e-12)


@pytest.mark.parametrize(
    ("times", "kept"), [([4.0], 4.0), ([1, 2, 90], 31.0), ([1, 2, 3, 90], 2.0), ([8, 1, 3, 2, 4, 6, 5, 7], 3.5)]
)
def test_the_slowest_quarter_of_a_visit_is_left_out(times: list[float], kept: float) -> None:
    assert typical_time(times) == pytest.approx(kept)
    assert typical_times(np.array([times, times[::-1]], dtype=np.float64)) == pytest.approx([kept, kept])


def visit(latency_ns: tuple[int, ...] = (), late_ns: tuple[int, ...] = ()) -> Visit:
    return Visit(round=0, order=0, arm="a", requests=4, mean_us=25.0, latency_ns=latency_ns, late_ns=late_ns)


def test_a_visit_is_recorded_with_its_typical_time_from_the_scheduled_send() -> None:
    visits = [
        visit(latency_ns=(1000, 2000, 3000, 90_000)),
        visit(latency_ns=(1000, 2000, 3000, 90_000), late_ns=(100_000, 0, 0, 0)),
        visit(),
    ]

    assert [row.typical_us for row in visit_rows(visits, {})] == [2.0, pytest.approx(95 / 3), None]


def session(number: int, estimator: EstimatorName, *, failures: int = 0) -> SessionData:
    """Return a session in which the typical and the mean time differ, as do the middle third and the median."""
    typical_us = {"a": [100.0] * 6, "b": [110.0, 110, 112, 116, 120, 120], "control": [104.0] * 6}
    plain = session_of(typical_us, number=number, failures={"control": {"502": failures}} if failures else None)
    visits = tuple(
        row.model_copy(update={"typical_us": row.mean_us, "mean_us": 2 * (row.mean_us or 0)})
        for row in plain.record.visits
    )
    changed = {"visits": visits, "schedule": named(plain.record.schedule, estimator)}
    return SessionData(plain.record.model_copy(update=changed), plain.requests)


def named(schedule: Schedule, estimator: EstimatorName) -> Schedule:
    return schedule.model_copy(update={"estimator": estimator})


def effects_us(sessions: Sequence[SessionData], experiment: Experiment = EXPERIMENT) -> dict[str, float]:
    found = compare_pairs(RunEvidence(experiment, sessions), ("latency",))
    return {judged.contrast.arm: float(judged.values.difference.mean()) for judged in found}


def test_an_arm_is_compared_with_both_arms_of_its_reference_and_the_control_with_one() -> None:
    sessions = [session(number, "middle third") for number in (1, 2)]
    assert effects_us(sessions) == pytest.approx({"control": 4.0, "b": (14.0 + 10.0) / 2})


def test_an_effect_names_all_arms_that_it_rests_on() -> None:
    evidence = RunEvidence(EXPERIMENT, [session(number, "middle third") for number in (1, 2)])
    arms = {judged.contrast.arm: effect_of(judged).arms for judged in compare_pairs(evidence, ("latency",))}
    assert arms == {"control": {"control": 1.0, "a": -1.0}, "b": {"b": 1.0, "a": -0.5, "control": -0.5}}


def test_a_part_of_a_whole_rests_on_its_own_arm_alone() -> None:
    """So that the bars of a waterfall add up."""
    evidence = RunEvidence(EXPERIMENT, [session(number, "middle third") for number in (1, 2)])
    part = WeightedSum(METRICS["latency"], {"b": 1, "a": -1})
    assert session_values(evidence.series, [part]).difference == pytest.approx([14.0, 14.0])


def test_the_control_does_not_count_as_reference_where_its_requests_failed() -> None:
    sessions = [session(number, "middle third", failures=1) for number in (1, 2)]
    assert effects_us(sessions)["b"] == pytest.approx(14.0)


def test_results_of_the_older_estimator_are_reported_by_it() -> None:
    sessions = [session(number, "median of means") for number in (1, 2)]
    assert effects_us(sessions) == pytest.approx({"control": 8.0, "b": 2 * 14.0})


def test_runs_of_both_estimators_are_compared_by_the_older_one() -> None:
    """The same visits twice, of which one run names the older estimator: nothing has changed."""
    run = run_data()
    older = [
        record.model_copy(update={"schedule": named(record.schedule, "median of means")}) for record in run.records
    ]

    assert {record.schedule.estimator for record in run.records} == {"middle third"}
    assert {change.percent for change in run_changes([run, replace(run, records=older)], "latency")} == {0.0}


def test_tools_that_give_no_single_times_are_compared_by_means() -> None:
    assert estimator_of(read(TWO_ARMS)) == "middle third"
    assert estimator_of(read(TWO_ARMS, "arm.tool=ab")) == "middle third"  # a visit's mean, where it has no single times
    assert estimator_of(read(TWO_ARMS, 'factors.tool=["client", "ab"]')) == "median of means"
