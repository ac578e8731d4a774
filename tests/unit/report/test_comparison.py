"""Golden comparisons of runs, and what they may not do on a narrow terminal."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.between_runs.changes import RunComparison
from harness.analysis.between_runs.metadata import MetadataDifference
from harness.model import MACHINE_STATE, Doubt
from harness.report.cells import divide_by_groups
from harness.report.commands.compare import comparison_report, run_values
from harness.report.html.page import render_page
from harness.report.text.terminal import render_terminal

DATA = Path(__file__).parents[2] / "data" / "comparison"
CASES = sorted(path.stem for path in DATA.glob("*.json"))
WIDTHS = [60, 80, 120]
ESCAPE = "\x1b"


def comparison(name: str) -> RunComparison:
    return RunComparison.model_validate_json((DATA / f"{name}.json").read_text(encoding="utf-8"))


def render(compared: RunComparison, *, width: int, color: bool = False) -> str:
    return render_terminal(comparison_report(compared), width=width, color=color)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_a_comparison_reads_as_expected(case: str, width: int, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / f"{case}.{width}.txt", render(comparison(case), width=width))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_cut_short_or_longer_than_the_line(case: str, width: int) -> None:
    text = render(comparison(case), width=width)

    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())


def test_color_adds_escape_codes_and_its_absence_none() -> None:
    assert ESCAPE in render(comparison("spiked"), width=80, color=True)
    assert ESCAPE not in render(comparison("spiked"), width=80)


def test_each_later_run_of_three_has_a_table_and_run_1_stands_with_run_2() -> None:
    (table,) = comparison_report(comparison("three-runs")).sections[1].tables

    titles = [[column.title for column in part.columns] for part in divide_by_groups(table)]

    assert titles == [["arm", "run 1", "run 2", "change", "verdict"], ["arm", "run 3", "change", "verdict"]]


def test_a_count_of_requests_that_differs_has_its_unit() -> None:
    compared = comparison("three-runs")
    difference = MetadataDifference(field="schedule.settle", values=("5", "4", "6"))

    assert "schedule.settle, requests" in render(compared.model_copy(update={"measuring": (difference,)}), width=120)


def test_the_page_does_not_say_that_runs_with_doubts_have_none() -> None:
    compared = comparison("three-runs")
    warned = replace(comparison_report(compared), certainty=["Run 2: doubts on busy."])

    page = render_page(warned)

    assert "Run 2: doubts on busy." in page
    assert "No doubts." not in page


def test_settings_that_differ_stand_before_the_numbers() -> None:
    text = render(comparison("spiked"), width=80)

    assert text.index("/spike/30") < text.index("The typical request")


def test_a_run_that_is_not_valid_is_named_in_the_first_line() -> None:
    text = render(comparison("three-runs"), width=80)

    assert text.startswith("Run 3 is not valid: do not use the changes from or to it.")


def with_doubt(compared: RunComparison, run: int, doubt: Doubt) -> RunComparison:
    runs = [*compared.runs]
    runs[run - 1] = runs[run - 1].model_copy(update={"doubts": (doubt,)})
    return compared.model_copy(update={"runs": tuple(runs)})


def test_a_run_whose_effects_depend_on_the_state_of_the_machine_is_named_in_the_first_line() -> None:
    seen = "An effect depends on the machine's state. In 7 of 25 sessions the machine was 17 % slower: 0 % in those 7."
    compared = with_doubt(comparison("spiked"), 2, Doubt(kind=MACHINE_STATE, seen=seen, advice="Repeat the run."))
    text = " ".join(render(compared, width=80).split())

    assert text.startswith(
        "Run 2 is not reliable, so a change may come from it alone. An effect depends on the machine's state. In 7 of "
        "25 sessions the machine was 17 % slower. Is a Unix socket"
    )


def test_the_doubts_of_a_run_stand_below_the_answer() -> None:
    compared = with_doubt(comparison("spiked"), 1, Doubt(kind="steal", session=3, seen="Much.", advice="Wait."))

    assert "\nDoubts of run 1: steal (in session 3).\n\nRuns\n" in render(compared, width=80)


@pytest.mark.parametrize(("factor", "is_named"), [(1.015, False), (1.03, True), (0.97, True)])
def test_a_reference_that_took_another_time_is_named_with_both_times(factor: float, *, is_named: bool) -> None:
    compared = comparison("spiked")
    base, other = compared.runs
    level_us = base.arms["tcp"].mean_us or 0
    tcp = other.arms["tcp"].model_copy(update={"p50_us": factor * level_us})
    runs = (base, other.model_copy(update={"arms": {**other.arms, "tcp": tcp}}))
    text = " ".join(render(compared.model_copy(update={"runs": runs}), width=80).split())

    sentence = f"us per request in run 2, {level_us:.0f} us in run 1 ({100 * (factor - 1):+.0f} %). The machine or"
    assert (sentence in text) == is_named
    assert ("tcp itself took" in text) == is_named


def test_a_control_that_changed_is_a_warning() -> None:
    seen = comparison("spiked")
    changes = tuple(
        change.model_copy(update={"verdict": "slower", "percent": 3.0, "percent_low": 2.0, "percent_high": 4.0})
        if (change.arm, change.metric) == ("control", "latency")
        else change
        for change in seen.changes
    )

    text = render(seen.model_copy(update={"changes": changes}), width=80)

    assert text.startswith("The A/A control changed: tcp, measured again as control, is slower in")


@pytest.mark.parametrize("measuring", ["the same", "another"])
def test_runs_of_different_experiments_are_told_where_it_is_said_what_was_measured(measuring: str) -> None:
    seen = comparison("three-runs")
    named = zip(seen.runs, ("quick", "slowed", "quick"), strict=True)
    runs = tuple(run.model_copy(update={"experiment": name}) for run, name in named)
    found = () if measuring == "the same" else seen.measuring

    text = render(seen.model_copy(update={"runs": runs, "measuring": found}), width=80)

    assert "Differences in measurement\n- Different experiments: quick and slowed.\n" in text
    assert ("schedule.rounds" in text) == (measuring == "another")


def test_runs_of_one_experiment_are_not_said_to_differ_in_it() -> None:
    assert "Different experiments" not in render(comparison("three-runs"), width=80)


def test_runs_on_the_same_machine_have_no_section_on_hosts() -> None:
    assert "between the hosts" not in render(comparison("three-runs"), width=80)


def test_of_long_values_only_the_words_that_differ_are_told() -> None:
    common = "console=ttyS0 quiet nokaslr panic=1 reboot=k"

    told = run_values([f"{common} mitigations=off", f"mitigations=auto {common}", common])

    assert told == ["... mitigations=off", "... mitigations=auto", "..."]


def test_short_values_are_told_whole() -> None:
    assert run_values(["6.12", "", None]) == ["6.12", '""', "(absent)"]
