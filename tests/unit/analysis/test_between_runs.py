"""Runs are compared by their arms' effects; what would not be a comparison is refused."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis.between_runs.changes import RunChange, RunComparison, RunData, change_estimate, compare_runs
from harness.analysis.between_runs.metadata import MetadataDifference
from harness.analysis.contrasts.engine import SessionValues
from harness.errors import ConfigError
from tests.support.comparable_runs import run_data

MIRRORED = {"faster": "slower", "slower": "faster"}


def change_of(comparison: RunComparison, arm: str, metric: str = "latency", run: int = 2) -> RunChange:
    (found,) = [each for each in comparison.changes if (each.arm, each.metric, each.run) == (arm, metric, run)]
    return found


def refusal(runs: Sequence[RunData]) -> str:
    with pytest.raises(ConfigError) as refused:
        compare_runs(runs)
    return str(refused.value)


def without(run: RunData, arm: str) -> RunData:
    experiment = run.plan.experiment
    arms = tuple(each for each in experiment.arms if each.name != arm)
    pairs = tuple(pair for pair in experiment.pairs if arm not in pair)
    fewer = experiment.model_copy(update={"arms": arms, "pairs": pairs})
    return RunData(run.plan.model_copy(update={"experiment": fewer}), run.summary, run.records, run.host)


def test_an_arm_that_takes_longer_than_in_the_base_run_got_slower_and_no_other_did() -> None:
    comparison = compare_runs([run_data(), run_data("results/spiked", rounds=36, factors={"uds-tmpfs": 1.08})])
    spiked = change_of(comparison, "uds-tmpfs")

    assert spiked.verdict == "slower"
    assert spiked.percent_low is not None
    assert spiked.percent_high is not None
    assert spiked.percent_low < 8 < spiked.percent_high
    assert {change_of(comparison, arm).verdict for arm in ("uds-dir", "control")} <= {"equivalent", "undecided"}


def test_a_change_in_microseconds_is_the_difference_of_the_differences() -> None:
    base, spiked = run_data(), run_data("results/spiked", factors={"uds-tmpfs": 1.08})
    change = change_of(compare_runs([base, spiked]), "uds-tmpfs")
    us = {run.summary.directory: _us(run, "uds-tmpfs") for run in (base, spiked)}

    assert change.us == pytest.approx(us["results/spiked"] - us["results/base"])


def _us(run: RunData, arm: str) -> float:
    found = next(each for each in run.summary.comparisons if (each.arm, each.metric) == (arm, "latency"))
    assert found.us is not None
    return found.us


def test_what_slows_all_arms_alike_is_no_change() -> None:
    slower = run_data("results/slower", rounds=36, factors={"tcp": 1.3, "uds-tmpfs": 1.3, "uds-dir": 1.3})

    assert change_of(compare_runs([run_data(), slower]), "uds-tmpfs").verdict in ("equivalent", "undecided")


def test_swapping_the_runs_flips_the_sign_and_nothing_else() -> None:
    runs = [run_data(), run_data("results/other", rounds=36, factors={"uds-tmpfs": 1.08, "uds-dir": 0.98})]

    there, back = compare_runs(runs).changes, compare_runs(runs[::-1]).changes

    for one, other in zip(there, back, strict=True):
        assert one.percent is not None
        assert one.percent_high is not None
        assert other.percent == pytest.approx(100 * math.expm1(-math.log1p(one.percent / 100)))
        assert other.percent_low == pytest.approx(100 * math.expm1(-math.log1p(one.percent_high / 100)))
        assert other.us == pytest.approx(-(one.us or 0))
        assert other.p == pytest.approx(one.p)
        assert other.p_adjusted == pytest.approx(one.p_adjusted)
        assert other.verdict == MIRRORED.get(one.verdict or "", one.verdict)
        assert other.sessions_to_decide == one.sessions_to_decide


def test_every_later_run_is_compared_with_the_first_and_all_share_holms_correction() -> None:
    runs = [run_data(), run_data("results/2", rounds=36, factors={"uds-tmpfs": 1.08}), run_data("results/3", rounds=32)]

    alone, together = compare_runs(runs[:2]), compare_runs(runs)

    assert {change.run for change in together.changes} == {2, 3}
    assert (change_of(together, "uds-tmpfs").p_adjusted or 0) > (change_of(alone, "uds-tmpfs").p_adjusted or 0)
    assert change_of(together, "control").p_adjusted is None


def test_an_undecided_change_says_how_many_sessions_each_run_would_need() -> None:
    comparison = compare_runs([run_data(), run_data("results/2", rounds=6, factors={"uds-tmpfs": 1.012})])
    change = change_of(comparison, "uds-tmpfs")

    assert change.verdict == "undecided"
    assert change.sessions_to_decide is not None
    assert change.sessions_to_decide > 8


def test_sessions_of_a_single_run_are_shared_out_to_two() -> None:
    values = np.random.default_rng(1).normal(0, 0.01, 8)  # two such runs are as sure as one of 15 sessions
    sessions = tuple(range(8))

    change = change_estimate(SessionValues(sessions, values, values), SessionValues(sessions, values + 0.1, values))

    assert change is not None
    assert (change.deciding.sessions, change.sessions_factor) == (15, 8 / 15)


def test_cpu_time_is_compared_too() -> None:
    comparison = compare_runs([run_data(), run_data("results/2", rounds=36, factors={"uds-tmpfs": 1.08})])

    assert change_of(comparison, "uds-tmpfs", "cpu").verdict == "slower"


def test_an_arm_that_failed_in_either_run_has_numbers_but_no_verdict() -> None:
    comparison = compare_runs([run_data(), run_data("results/2", rounds=36, failures={"uds-dir": 3})])
    failed = change_of(comparison, "uds-dir")

    assert failed.percent is not None
    assert failed.verdict is None
    assert failed.why == "Run 2: uds-dir had 3 failed requests (502: 3); throughput of errors is not throughput."
    assert change_of(comparison, "uds-tmpfs").verdict is not None


def test_a_single_session_has_no_numbers() -> None:
    change = change_of(compare_runs([run_data(), run_data("results/2", sessions=1)]), "uds-tmpfs")

    assert (change.percent, change.verdict) == (None, None)
    assert change.why.startswith("Run 2: 1 session has times")


def test_settings_may_differ_and_are_listed() -> None:
    comparison = compare_runs([run_data(), run_data("results/2", paths={"uds-tmpfs": "/spike/30"})])

    assert comparison.settings == (MetadataDifference(field="arms.uds-tmpfs.path", values=("/", "/spike/30")),)


def test_what_differs_between_the_hosts_is_listed() -> None:
    comparison = compare_runs([run_data(), run_data("results/2", host={"kernel": {"release": "6.18.0"}})])

    assert MetadataDifference(field="kernel.release", values=("6.12.0", "6.18.0")) in comparison.host
    assert comparison.settings == ()


def test_runs_with_other_arms_are_refused() -> None:
    base, fewer = run_data(), without(run_data("results/fewer"), "uds-dir")

    assert refusal([base, fewer]) == (
        "results/fewer is a run of another experiment than results/base: it lacks uds-dir. "
        "Compare runs of one experiment."
    )
    assert "it also has uds-dir" in refusal([fewer, base])


def test_runs_with_other_pairs_are_refused() -> None:
    base, other = run_data(), run_data("results/other")
    turned = other.plan.experiment.model_copy(update={"pairs": (("control", "tcp"), ("tcp", "uds-tmpfs"))})
    other = RunData(other.plan.model_copy(update={"experiment": turned}), other.summary, other.records, other.host)

    assert "it compares control with tcp, tcp with uds-tmpfs where the first compares" in refusal([base, other])


def test_one_run_or_the_same_twice_is_refused() -> None:
    assert "results/base is only one run" in refusal([run_data()])
    assert "results/base is given twice" in refusal([run_data(), run_data()])
