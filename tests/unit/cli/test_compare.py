"""The gate of `barehop compare` on the command line: its options, exit codes and files; without any process."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.errors import ConfigError, HarnessError
from tests.support.comparable_runs import run_data, write_run

ENOUGH_FOR_P99 = 170  # rounds of 6 requests


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base`; `slower`, with 20 % more for one arm."""
    directory = tmp_path_factory.mktemp("results")
    write_run(run_data(rounds=ENOUGH_FOR_P99), directory / "base")
    slower = run_data(rounds=ENOUGH_FOR_P99 + 4, factors={"uds-tmpfs": 1.2})
    write_run(slower, directory / "slower")
    return directory


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def compare(results: Path, *words: str | Path) -> tuple[int, str, str]:
    """The exit code, standard output and standard error, with the error's sentence."""
    arguments = ["compare", str(results / "base"), str(results / "slower"), *map(str, words)]
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if result.exception and not isinstance(result.exception, HarnessError):
        raise result.exception
    code = result.exception.exit_code if isinstance(result.exception, HarnessError) else 0
    return code, result.stdout, f"{result.stderr}{result.exception or ''}"


def middle_percent(results: Path) -> str:
    """The change of the slower arm, which no gate can decide."""
    changes = json.loads(compare(results, "--json")[1])["changes"]
    return next(f"{c['percent']:.6f}" for c in changes if (c["arm"], c["metric"]) == ("uds-tmpfs", "latency"))


@pytest.mark.parametrize("metric", ["latency", "cpu"])
def test_a_gate_holds_each_metric(results: Path, metric: str) -> None:
    code, out, err = compare(results, "--gate", "5", "--metric", metric)
    assert code == HarnessError.exit_code, err
    assert err.startswith("Run 2, uds-tmpfs compared with tcp: it")
    assert "Gate of 5 %" in out
    assert compare(results, "--gate", "40", "--metric", metric)[0] == 0


def test_p99_changes_by_the_ratio_of_its_effects_in_the_runs(results: Path) -> None:
    code, out, _ = compare(results, "--gate", "1000", "--metric", "p99", "--json")

    comparison = json.loads(out)
    pair = ("uds-tmpfs", "tcp")
    tails = [tail for run in comparison["runs"] for tail in run["tails"] if (tail["arm"], tail["against"]) == pair]
    base, new = (1 + tail["percent"] / 100 for tail in tails if tail["percentile"] == 99)
    changes = [c for c in comparison["changes"] if (c["arm"], c["against"], c["metric"]) == (*pair, "p99")]
    assert code == 0
    assert [change["percent"] for change in changes] == [pytest.approx(100 * (new / base - 1))]


def test_what_is_undecided_has_the_exit_code_that_was_asked_for(results: Path) -> None:
    gate = ("--gate", middle_percent(results))
    endings = [compare(results, *gate, "--undecided", word) for word in ("pass", "fail", "skip")]

    assert compare(results, *gate)[0] == 0
    assert [code for code, _, _ in endings] == [0, HarnessError.exit_code, 125]
    assert [err.count("is undecided") for _, _, err in endings] == [1, 1, 1]


def test_files_for_ci_are_written_also_if_the_gate_breaks(results: Path, tmp_path: Path) -> None:
    junit, tracker, bencher = (tmp_path / name for name in ("gate.xml", "tracker.json", "bencher.json"))
    files = ("--junit", junit, "--github-action-benchmark", tracker, "--bencher", bencher)

    code, _, _ = compare(results, "--gate", "5", "--metric", "latency", "--metric", "cpu", *files)

    assert code == HarnessError.exit_code
    suite = ElementTree.fromstring(junit.read_bytes())
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    assert {entry["unit"] for entry in json.loads(tracker.read_text())} == {"% of the reference"}
    assert len(json.loads(bencher.read_text())) == 2


def test_on_github_there_are_annotations_and_a_summary_of_the_step(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "step.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    _, out, err = compare(results, "--gate", "5", "--json")

    assert err.startswith("::error title=barehop gate::Run 2, uds-tmpfs compared with tcp")
    assert json.loads(out)["format"] == 1
    assert summary.read_text().startswith("before\n")
    assert "Gate of 5 %" in summary.read_text()


@pytest.mark.parametrize("words", [("--metric", "cpu"), ("--undecided", "skip"), ("--junit", "gate.xml")])
def test_options_of_a_gate_need_a_gate(results: Path, words: tuple[str, ...]) -> None:
    code, _, err = compare(results, *words)
    assert code == ConfigError.exit_code
    assert "give --gate PERCENT too" in err
