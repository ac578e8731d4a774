"""The gate closes for what is shown to be slower, and for what cannot be judged."""

from collections.abc import Mapping

import pytest

from harness.analysis.between_runs.changes import RunComparison, compare_runs
from harness.report.commands.compare import gate_failures, gate_remarks
from tests.support.comparable_runs import run_data

BASE = run_data()


def against_base(factors: Mapping[str, float]) -> RunComparison:
    return compare_runs([BASE, run_data("results/2", rounds=36, factors=factors)])


def test_an_arm_slower_beyond_doubt_breaks_the_gate() -> None:
    (sentence,) = gate_failures(against_base({"uds-tmpfs": 1.08}), 5)

    assert sentence.startswith("In run 2, uds-tmpfs compared with tcp is slower than in run 1 by ")
    assert sentence.endswith(", beyond the gate of 5 %.")


def test_a_smaller_slow_down_than_the_gate_passes() -> None:
    comparison = against_base({"uds-tmpfs": 1.08})

    assert gate_failures(comparison, 15) == []
    assert gate_remarks(comparison, 15) == []


def test_what_cannot_be_told_passes_and_is_said() -> None:
    comparison = against_base({"uds-tmpfs": 1.08})
    (found,) = [each for each in comparison.changes if (each.arm, each.metric) == ("uds-tmpfs", "latency")]
    assert found.percent is not None
    assert found.percent_low is not None
    between = (found.percent_low + found.percent) / 2

    assert gate_failures(comparison, between) == []
    (sentence,) = gate_remarks(comparison, between)
    assert sentence.startswith("In run 2, uds-tmpfs compared with tcp may be slower by more than ")


@pytest.mark.parametrize("percent", [0, 5])
def test_a_faster_arm_passes(percent: float) -> None:
    assert gate_failures(against_base({"uds-tmpfs": 0.9, "uds-dir": 0.9}), percent) == []


def test_an_arm_that_fails_breaks_any_gate() -> None:
    broken = compare_runs([BASE, run_data("results/2", rounds=36, failures={"uds-dir": 3})])

    (sentence,) = gate_failures(broken, 1000)

    assert sentence.startswith("In run 2, uds-dir compared with tcp has no verdict. Run 2: uds-dir had 3 failed")


def test_the_control_and_the_other_metrics_are_not_asked() -> None:
    comparison = against_base({})
    slow = {"percent": 20.0, "percent_low": 19.0, "percent_high": 21.0, "verdict": "slower"}
    changes = tuple(
        change.model_copy(update=slow) if change.arm == "control" or change.metric == "cpu" else change
        for change in comparison.changes
    )

    assert gate_failures(comparison.model_copy(update={"changes": changes}), 5) == []
