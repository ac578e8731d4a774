"""What a run prints without --details: one screen with the answer, a row for each arm, why, and where the rest is."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis.why.explain import add_causes
from harness.cli.formats import report_text
from harness.experiment.read import read_experiment
from harness.model import ApplicationFile, ArmSummary, Design, Doubt, Summary
from harness.report.run_report import report_of
from harness.report.text.terminal import render_terminal
from tests.support.simulated_run import run_of
from tests.support.source_tree import ROOT

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


def test_an_overview_names_the_application_its_page_and_that_connections_are_not_kept() -> None:
    run = summary("baseline")
    file = ApplicationFile(app="shop:app", directory="~/shop", file="shop.py", sha256="", arms=tuple(run.arms))
    items = {
        name: arm.model_copy(update={"settings": {**arm.settings, "path": "/items"}}) for name, arm in run.arms.items()
    }
    kept = {
        name: arm.model_copy(update={"settings": {**arm.settings, "upstream_keepalive": 16}})
        for name, arm in items.items()
    }

    def measured(arms: dict[str, ArmSummary], files: int = 1) -> str:
        text = overview(run.model_copy(update={"arms": arms, "applications": (file,) * files}))
        return " ".join(text.partition("Measured: ")[2].partition(".\n")[0].split())

    assert measured(items) == "shop.py in ~/shop, page /items, without upstream keep-alive (barehop run keepalive)"
    assert measured(kept) == "shop.py in ~/shop, page /items"
    assert measured(items, files=2) == ""


def test_a_run_of_many_arms_fits_one_screen_too_with_the_largest_differences() -> None:
    text = overview(with_many_arms(summary("baseline"), copies=30))
    assert text.count("\n") <= LINES_OF_A_SCREEN
    assert "more-29 " in text
    assert "more-0 " not in text
    assert "more rows with smaller differences" in text


def hops() -> tuple[Summary, Design]:
    """Return a run of all 26 arms of the hops with their causes and several doubts."""
    experiment = read_experiment(ROOT / "configs" / "hops.toml", ())
    truth = {arm.name: 0.92 if "uds" in arm.name else 3.0 if "tls" in arm.name else 1.0 for arm in experiment.arms}
    doubts = [Doubt(kind=f"kind {number}", seen="something " * 9, advice="Mend it.") for number in range(6)]
    run = run_of(truth, experiment=experiment, sessions=4, rounds=4, doubts=doubts, raw=False)
    return add_causes(run.summary, experiment, [session.record for session in run.sessions], None), experiment.design


@pytest.mark.parametrize(("width", "lines"), [(100, 30), (80, 34)])
def test_a_run_of_26_arms_and_several_references_fits_one_screen(width: int, lines: int) -> None:
    run, design = hops()
    text = render_terminal(report_of(run, design), width=width, details=False)

    assert run.doubts
    assert "is made of CPU time" in " ".join(text.split())
    assert text.count("\n") <= lines
    assert all(len(line) <= width for line in text.splitlines())


def with_two_references() -> Summary:
    experiment = run_of({"tcp": 1.0, "other": 1.1, "uds-tmpfs": 0.9}, sessions=2, rounds=2).plan.experiment
    asked = experiment.model_copy(update={"pairs": (*experiment.pairs, ("uds-tmpfs", "other"))})
    return run_of({"tcp": 1.0, "other": 1.1, "uds-tmpfs": 0.9}, experiment=asked, rounds=20).summary


@pytest.mark.parametrize("form", ["text", "details", "markdown", "html", "csv"])
def test_every_format_says_with_which_of_two_references_an_arm_is_compared(form: str) -> None:
    report = report_of(with_two_references(), Design())
    text = report_text(report, "text" if form == "details" else form, details=form == "details")
    rows = [line for line in re.sub(r"</td>\s*", " | ", text).splitlines() if "faster" in line and "uds-tmpfs" in line]

    assert all(any(re.search(rf"\b{against}\b", row) for row in rows) for against in ("tcp", "other"))


@pytest.mark.parametrize("form", ["text", "details", "markdown", "html"])
def test_an_interval_that_says_nothing_is_unknown_in_every_format(form: str) -> None:
    run, wide = summary("baseline"), {"percent_low": -100.0, "percent_high": 1032860584.0, "verdict": "undecided"}
    comparisons = tuple(comparison.model_copy(update=wide) for comparison in run.comparisons)
    report = report_of(run.model_copy(update={"comparisons": comparisons}), Design())
    text = report_text(report, "text" if form == "details" else form, details=form == "details")
    assert "interval unknown" in " ".join(text.split())
    assert "Achieved precision: unknown (target" in " ".join(text.split()).replace("\N{NO-BREAK SPACE}", " ")
    assert re.findall(r"\d{7,}\.\d", text) == []


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_single_reference_is_not_repeated_in_every_row(form: str) -> None:
    assert "against |" not in report_text(report_of(summary("baseline"), Design()), form)
    assert "against  " not in report_text(report_of(summary("baseline"), Design()), form)


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
