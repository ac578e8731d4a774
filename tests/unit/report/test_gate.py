"""The gate closes for what is shown to be slower, and for what cannot be judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.between_runs.changes import RunComparison, RunData, compare_runs
from harness.errors import ConfigError, HarnessError, UndecidedError
from harness.model import MACHINE_STATE, OUT_OF_TIME, Doubt, Verdict, VisitRow
from harness.report.commands.gate import (
    Gate,
    GateCheck,
    IfUndecided,
    check_gate,
    gate_error,
    gate_remarks,
    gate_section,
)
from harness.report.select import is_control
from tests.support.comparable_runs import run_data

BASE = run_data()
SLOWER = run_data("results/2", rounds=36, factors={"uds-tmpfs": 1.08})


def gate(percent: float, if_undecided: IfUndecided = "pass", metrics: tuple[str, ...] = ("latency",)) -> Gate:
    return Gate(percent, metrics, if_undecided)


def checks_of(run: RunData, percent: float) -> list[GateCheck]:
    return check_gate(compare_runs([BASE, run]), gate(percent))


def failures(checks: Sequence[GateCheck], limit: Gate) -> str:
    return str(gate_error(checks, limit) or "")


def undecided_percent(comparison: RunComparison) -> float:
    """A limit in the interval of the arm that became slower."""
    (change,) = [change for change in comparison.changes if (change.arm, change.metric) == ("uds-tmpfs", "latency")]
    assert change.percent is not None
    assert change.percent_low is not None
    return (change.percent_low + change.percent) / 2


def test_an_arm_slower_beyond_doubt_breaks_the_gate() -> None:
    sentence = failures(checks_of(SLOWER, 5), gate(5))

    assert sentence.startswith("Run 2, uds-tmpfs compared with tcp: its typical request is slower than in run 1 by ")
    assert sentence.endswith(", beyond the gate of 5 %.")


def test_a_smaller_slow_down_than_the_gate_passes() -> None:
    checks = checks_of(SLOWER, 15)

    assert {check.state for check in checks} == {"pass"}
    assert gate_error(checks, gate(15)) is None
    assert gate_remarks(checks, gate(15)) == []


@pytest.mark.parametrize(
    ("if_undecided", "code"), [("pass", None), ("fail", HarnessError.exit_code), ("skip", UndecidedError.exit_code)]
)
def test_what_is_undecided_passes_fails_or_skips_as_asked(if_undecided: IfUndecided, code: int | None) -> None:
    comparison = compare_runs([BASE, SLOWER])
    limit = gate(undecided_percent(comparison), if_undecided)

    checks = check_gate(comparison, limit)
    error = gate_error(checks, limit)

    (sentence,) = [check.text for check in checks if check.state == "undecided"]
    assert sentence.startswith("Run 2, uds-tmpfs compared with tcp: whether its typical request is slower than in run")
    assert (error.exit_code if error else None) == code
    assert str(error or sentence) == sentence
    assert gate_remarks(checks, limit) == ([] if if_undecided == "fail" else [sentence])


def test_a_failure_outweighs_what_is_undecided() -> None:
    both = run_data("results/2", rounds=36, factors={"uds-tmpfs": 1.08, "uds-dir": 1.5})
    comparison = compare_runs([BASE, both])
    limit = gate(undecided_percent(comparison), "skip")

    error = gate_error(check_gate(comparison, limit), limit)

    assert type(error) is HarnessError
    assert str(error).startswith("Run 2, uds-dir compared")


@pytest.mark.parametrize("percent", [0, 5])
def test_a_faster_arm_passes(percent: float) -> None:
    faster = run_data("results/2", rounds=36, factors={"uds-tmpfs": 0.9, "uds-dir": 0.9})

    assert {check.state for check in checks_of(faster, percent)} == {"pass"}


def test_an_arm_that_fails_breaks_any_gate() -> None:
    checks = checks_of(run_data("results/2", rounds=36, failures={"uds-dir": 3}), 1000)

    sentence = failures(checks, gate(1000))
    assert sentence.startswith(
        "Run 2, uds-dir compared with tcp, typical time per request: no verdict. Run 2: uds-dir had 3 failed"
    )


def test_the_control_and_the_other_metrics_are_not_checked() -> None:
    comparison = compare_runs([BASE, run_data("results/2", rounds=36)])
    slow = {"percent": 20.0, "percent_low": 19.0, "percent_high": 21.0, "verdict": "slower"}
    changes = tuple(
        change.model_copy(update=slow) if change.arm == "control" or change.metric == "cpu" else change
        for change in comparison.changes
    )
    slow_elsewhere = comparison.model_copy(update={"changes": changes})

    assert gate_error(check_gate(slow_elsewhere, gate(5)), gate(5)) is None
    on_cpu = gate(5, metrics=("cpu",))
    assert "it takes more CPU time than in run 1 by 20" in str(gate_error(check_gate(slow_elsewhere, on_cpu), on_cpu))


def with_instructions(run: RunData, factors: Mapping[str, float]) -> RunData:
    """The run with bursts under perf, in which nginx and the app execute 7000 instructions times a factor."""
    rng = np.random.default_rng(len(run.records[0].visits))

    def burst(arm: str) -> VisitRow:
        app = 6000 * factors.get(arm, 1) * (1 + rng.normal(0, 0.001))
        counters = {"nginx.instructions": 1000 * factors.get(arm, 1), "app.instructions": app}
        return VisitRow(round=0, order=0, arm=arm, requests=100, mean_us=None, counters=counters)

    arms = [arm.name for arm in run.plan.experiment.arms]
    records = [record.model_copy(update={"counted": tuple(map(burst, arms))}) for record in run.records]
    return replace(run, records=records)


def test_instructions_are_compared_where_perf_counted_them() -> None:
    counted = [with_instructions(BASE, {}), with_instructions(SLOWER, {"uds-dir": 1.03})]
    limit = gate(2, metrics=("instructions",))

    checks = check_gate(compare_runs(counted, limit.metrics), limit)

    states = {check.change.arm: check.state for check in checks}
    assert states == {"uds-tmpfs": "pass", "uds-dir": "fail"}
    (change,) = [check.change for check in checks if check.state == "fail"]
    assert change.percent == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(("metric", "advice"), [("instructions", "use cpu"), ("p99", "longer budget")])
def test_a_gate_that_would_check_nothing_is_refused(metric: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=f"There is no {metric}.* in run 1 and run 2.*{advice}"):
        check_gate(compare_runs([BASE, SLOWER], (metric,)), gate(2, metrics=(metric,)))


SEEN = "An effect depends on the machine's state. In 7 of 25 sessions the machine was 17 % slower."


def with_doubt(run: RunData, kind: str) -> RunData:
    doubt = Doubt(kind=kind, seen=SEEN, advice="Repeat the run.")
    return replace(run, summary=run.summary.model_copy(update={"doubts": (doubt,)}))


@pytest.mark.parametrize("kind", [MACHINE_STATE, OUT_OF_TIME])
@pytest.mark.parametrize("percent", [5, 15])
def test_a_run_that_is_not_reliable_decides_no_gate_and_is_told_why(kind: str, percent: float) -> None:
    for number, runs in ((1, [with_doubt(BASE, kind), SLOWER]), (2, [BASE, with_doubt(SLOWER, kind)])):
        checks = check_gate(compare_runs(runs), gate(percent))

        assert {check.state for check in checks} == {"undecided"}
        assert gate_error(checks, gate(percent)) is None
        assert type(gate_error(checks, gate(percent, "skip"))) is UndecidedError
        remarks = gate_remarks(checks, gate(percent))
        assert all(" % is undecided: " in text and f"Run {number} is not reliable. {SEEN}" in text for text in remarks)
        assert f"Run {number} is not reliable. {SEEN}" in gate_section(checks, gate(percent)).sentences


def with_control(run: RunData, verdict: Verdict, percent: float) -> RunData:
    """The run with another result of its control, 1 % to either side."""
    ends = {"percent": percent, "percent_low": percent - 1, "percent_high": percent + 1}
    comparisons = tuple(
        effect.model_copy(update={"verdict": verdict, **ends}) if is_control(run.summary, effect) else effect
        for effect in run.summary.comparisons
    )
    return replace(run, summary=run.summary.model_copy(update={"comparisons": comparisons}))


@pytest.mark.parametrize(
    ("verdict", "percent", "states"),
    [
        ("equivalent", 9.0, {"fail", "pass"}),
        ("undecided", 0.5, {"fail", "pass"}),
        ("undecided", 9.0, {"undecided"}),
        ("slower", 9.0, {"undecided"}),
    ],
)
def test_a_control_that_could_not_be_shown_equal_limits_what_a_gate_decides(
    verdict: Verdict, percent: float, states: set[str]
) -> None:
    checks = check_gate(compare_runs([BASE, with_control(SLOWER, verdict, percent)]), gate(5))

    assert {check.state for check in checks} == states
    sentence = "In run 2 the control could not be shown equal: trust no difference below 10 %."
    assert all((sentence in check.text) == (check.state == "undecided") for check in checks)


def test_an_arm_that_fails_breaks_the_gate_also_in_a_run_with_a_doubt() -> None:
    failing = with_doubt(run_data("results/2", rounds=36, failures={"uds-dir": 3}), MACHINE_STATE)

    checks = check_gate(compare_runs([BASE, failing]), gate(1000))

    assert {check.change.arm: check.state for check in checks} == {"uds-tmpfs": "undecided", "uds-dir": "no verdict"}
    assert failures(checks, gate(1000)).startswith("Run 2, uds-dir compared with tcp")
