"""Golden reports: a summary as it is on disk, and the text that a user reads."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis.between_runs.reliability import is_reliable
from harness.model import Design, Summary
from harness.model.summary import SummaryBrief
from harness.report.caveats import reliability_warning
from harness.report.document import Column, NumberCell, Report, Row, Section, Table, TextCell
from harness.report.text import terminal
from tests.support.run_reports import render_terminal

DATA = Path(__file__).parents[2] / "data" / "report"
CASES = sorted(path.stem for path in DATA.glob("*.json"))
ESCAPE = "\x1b"


def summary(name: str) -> Summary:
    return Summary.model_validate_json((DATA / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES)
def test_a_report_reads_as_expected(case: str, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / f"{case}.txt", render_terminal(summary(case), Design(), width=80))


@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("case", ["baseline", "two-references"])
def test_a_report_adapts_to_the_terminal(case: str, width: int, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / f"{case}.{width}.txt", render_terminal(summary(case), Design(), width=width))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("case", CASES)
def test_only_commands_and_paths_are_longer_than_the_line(case: str, width: int) -> None:
    lines = render_terminal(summary(case), Design(), width=width).splitlines()

    too_long = [line for line in lines if len(line) > width and "results/" not in line]

    assert not too_long


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("case", CASES)
def test_no_word_breaks(case: str, width: int) -> None:
    narrow, wide = (words(render_terminal(summary(case), Design(), width=room)) for room in (width, 1000))

    assert narrow <= wide


def words(text: str) -> set[str]:
    return {word.strip("(),") for word in text.replace("─", " ").split()}


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_reliable_where_its_report_begins_with_no_warning(case: str) -> None:
    seen = summary(case)

    assert is_reliable(seen) == (reliability_warning(seen) == "")
    assert is_reliable(SummaryBrief.model_validate_json(seen.model_dump_json())) == is_reliable(seen)


def test_there_are_reliable_and_unreliable_runs() -> None:
    assert {is_reliable(summary(case)) for case in CASES} == {True, False}


@pytest.mark.parametrize("case", CASES)
def test_no_table_cuts_a_number_short(case: str) -> None:
    assert "…" not in render_terminal(summary(case), Design(), width=60)


@pytest.mark.parametrize("case", CASES)
def test_without_color_there_are_no_escape_codes(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert ESCAPE not in render_terminal(summary(case), Design(), width=80)


def test_color_adds_escape_codes_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = render_terminal(summary("baseline"), Design(), width=80)

    colored = render_terminal(summary("baseline"), Design(), width=80, color=True)

    assert ESCAPE in colored
    assert _without_escapes(colored).split() == plain.split()


@pytest.mark.parametrize("case", ["control-differs", "failed-requests", "one-session"])
def test_a_result_that_is_not_valid_says_so_in_its_first_line(case: str) -> None:
    assert render_terminal(summary(case), Design(), width=80).startswith(
        "Not valid: do not use the numbers below until "
    )


@pytest.mark.parametrize("case", ["baseline", "equivalent"])
def test_a_valid_result_begins_with_its_question(case: str) -> None:
    seen = summary(case)

    assert render_terminal(seen, Design(), width=80).startswith(seen.question)


@pytest.mark.parametrize("case", ["undecided", "seed"])
def test_a_result_whose_control_is_open_says_so_in_its_first_line(case: str) -> None:
    text = " ".join(render_terminal(summary(case), Design(), width=80).split())

    assert re.match(
        r"Not reliable: trust no difference below [\d.]+ %\. The A/A control \(tcp vs\. tcp\) could not be shown", text
    )


def test_a_result_without_its_design_claims_no_margin() -> None:
    text = render_terminal(summary("equivalent"), None, width=80)

    assert "is equivalent to uds-tmpfs: +0.22 %" in text
    assert "within" not in text


def test_a_directory_with_a_space_is_quoted_in_commands() -> None:
    seen = summary("baseline").model_copy(update={"directory": "my results/1"})

    assert "barehop report 'my results/1'" in render_terminal(seen, Design(), width=80)


def _without_escapes(text: str) -> str:
    kept, *rest = text.split(ESCAPE)
    return kept + "".join(part.split("m", 1)[1] for part in rest)


def test_a_table_that_is_too_wide_becomes_several_and_no_cell_is_cut_off() -> None:
    header = ["us per request", *(f"setting={number}" for number in range(5))]
    rows = [("time", *["-435 (-2591 to +1722)"] * 5), ("= CPU time", *["-26 (-105 to +54)"] * 5)]
    table = Table(
        "", [Column(title) for title in header], [Row([TextCell(n), *map(NumberCell, of)]) for n, *of in rows]
    )
    text = terminal.render_terminal(Report("", [""], sections=[Section("", tables=[table])]), width=80)
    assert text.count("\ntime") == 2
    assert text.count("-435 (-2591 to +1722)") == 5
    assert text.count("= CPU time") == 2
    assert "…" not in text
