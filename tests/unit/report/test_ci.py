"""What CI reads: JUnit XML, annotations, and the files of trackers of benchmarks."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.analysis.between_runs.changes import RunChange
from harness.report.commands.ci import annotations, render_action_benchmark, render_bencher, render_junit
from harness.report.commands.gate import Gate, GateCheck, GateState, IfUndecided
from tests.support.comparable_runs import run_data

DATA = Path(__file__).parents[2] / "data/ci"


def check(arm: str, state: GateState, text: str, metric: str = "latency") -> GateCheck:
    return GateCheck(RunChange(run=2, arm=arm, against="tcp", metric=metric, verdict=None), state, text)


CHECKS = (
    check("uds", "pass", "within"),
    check("uds", "fail", 'slower by 8 %: "a" < b & c\nbeyond', "cpu"),
    check("tls", "undecided", "unclear"),
    check("tls", "no verdict", "502", "p99"),
)


RUNS = [run_data().summary.model_copy(update={"experiment": "shop", "id": identity}) for identity in ("a1", "b2")]


def gate(if_undecided: IfUndecided = "pass") -> Gate:
    return Gate(2, ("latency", "cpu", "p99"), if_undecided)


def test_junit_has_a_case_for_each_comparison_and_metric(golden: Callable[[Path, str], None]) -> None:
    golden(DATA / "gate.xml", render_junit(RUNS, CHECKS, gate()))


@pytest.mark.parametrize(("if_undecided", "skipped"), [("pass", 1), ("skip", 1), ("fail", 0)])
def test_the_counts_of_junit_are_those_of_its_cases(if_undecided: IfUndecided, skipped: int) -> None:
    suite = ElementTree.fromstring(render_junit(RUNS, CHECKS, gate(if_undecided)).encode())

    assert len(suite.findall("testcase")) == int(suite.get("tests", "")) == 4
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures", "")) == 3 - skipped
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", "")) == skipped


def test_github_shows_failures_as_errors_and_what_is_undecided_as_a_warning() -> None:
    assert list(annotations(CHECKS, gate())) == [
        '::error title=barehop gate::slower by 8 %25: "a" < b & c%0Abeyond',
        "::warning title=barehop gate::unclear",
        "::error title=barehop gate::502",
    ]
    assert [line.split()[0] for line in annotations(CHECKS, gate("fail"))] == ["::error"] * 3


def test_trackers_get_each_arm_in_percent_of_its_reference(golden: Callable[[Path, str], None]) -> None:
    summary = run_data().summary.model_copy(update={"id": "0123"})

    golden(DATA / "github-action-benchmark.json", render_action_benchmark(summary))
    golden(DATA / "bencher.json", render_bencher(summary))
    entries, benchmarks = json.loads(render_action_benchmark(summary)), json.loads(render_bencher(summary))
    assert all(set(entry) == {"name", "unit", "value", "range", "extra"} for entry in entries)
    assert benchmarks["imagined: uds-dir against tcp"].keys() >= {
        "latency-percent-of-reference",
        "cpu-percent-of-reference",
    }
    values = [values for measures in benchmarks.values() for values in measures.values()]
    assert sorted(entry["value"] for entry in entries) == sorted(value["value"] for value in values)
    assert all(0 < value["lower_value"] < value["value"] < value["upper_value"] for value in values)
    assert not any("control" in name for name in benchmarks)
