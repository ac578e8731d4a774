"""What a run prints without --details: one screen with the answer, a row for each arm, why, and where the rest is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.model import Design, Summary
from harness.report.run_report import report_of
from harness.report.text.terminal import render_terminal

DATA = Path(__file__).parents[2] / "data" / "report"
CASES = sorted(path.stem for path in DATA.glob("*.json"))
LINES_OF_A_SCREEN, WIDTH = 30, 100


def summary(name: str) -> Summary:
    return Summary.model_validate_json((DATA / f"{name}.json").read_text(encoding="utf-8"))


def overview(run: Summary, width: int = WIDTH) -> str:
    return render_terminal(report_of(run, Design()), width=width, details=False)


def with_many_arms(run: Summary, copies: int) -> Summary:
    """Return the run with further arms like its last, each compared with the same arm as that."""
    last = next(c for c in reversed(run.comparisons) if c.metric == "latency" and c.verdict)
    arms, comparisons = dict(run.arms), list(run.comparisons)
    for number in range(copies):
        arms[f"more-{number}"] = arms[last.arm]
        comparisons.append(last.model_copy(update={"arm": f"more-{number}", "percent": -50.0 - number}))
    return run.model_copy(update={"arms": arms, "comparisons": tuple(comparisons)})


@pytest.mark.parametrize("case", ["baseline", "undecided", "failed-requests"])
def test_an_overview_reads_as_expected(case: str, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / f"{case}.overview.txt", overview(summary(case)))


@pytest.mark.parametrize("case", CASES)
def test_every_overview_fits_one_screen(case: str) -> None:
    assert overview(summary(case)).count("\n") <= LINES_OF_A_SCREEN


def test_a_run_of_many_arms_fits_one_screen_too_with_the_largest_differences() -> None:
    text = overview(with_many_arms(summary("baseline"), copies=30))
    assert text.count("\n") <= LINES_OF_A_SCREEN
    assert "more-29 " in text
    assert "more-0 " not in text
    assert "more rows with smaller differences" in text


@pytest.mark.parametrize("case", CASES)
def test_the_detailed_report_ends_with_the_answer_and_the_paths(case: str) -> None:
    report = report_of(summary(case), Design())
    assert report.overview
    *_, answer, paths = render_terminal(report, width=10_000).strip().split("\n\n")
    assert report.overview.answer in answer or report.overview.answer.startswith(answer[:80])
    assert paths.startswith("Results")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_an_overview_adapts_to_the_terminal(width: int) -> None:
    lines = overview(summary("baseline"), width).splitlines()
    assert [line for line in lines if len(line) > width and "results/" not in line] == []


def test_an_overview_says_where_the_rest_is() -> None:
    assert "--details" in overview(summary("baseline"))
