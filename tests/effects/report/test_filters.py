"""The filters of a history in a real browser: what they hide, and that the address holds their state."""

from pathlib import Path

import pytest

from harness.analysis.between_runs.history import history_of
from harness.report.commands.history import history_report
from harness.report.html.page import render_page
from harness.store.briefs import read_briefs
from tests.support.browser import Page
from tests.support.history_runs import write_history

RUNS = "[...document.querySelectorAll('#runs tbody tr')].filter(row => !row.hidden).length"
HEADINGS = "[...document.querySelectorAll('h2')].filter(h => h.offsetParent).map(h => h.firstChild.textContent)"
FIGURES = "[...document.querySelectorAll('figure')].filter(figure => figure.offsetParent).length"
TOLD = "document.querySelector('.filters output').value"
SET = """{{
  const input = document.querySelector('.filters [name={name}]');
  input.type === 'checkbox' ? input.checked = {value} : input.value = {value};
  input.dispatchEvent(new Event('change', {{ bubbles: true }}));
}}"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_history(tmp_path_factory.mktemp("results"))
    path = directory / "history.html"
    path.write_text(render_page(history_report(history_of("results", *read_briefs(directory)), str(directory))))
    return path


def test_a_choice_hides_the_rest_and_is_in_the_address(page: Page, history: Path) -> None:
    page.open(history)
    assert (page.evaluate(RUNS), page.evaluate(FIGURES), page.evaluate(TOLD)) == (13, 2, "")

    page.evaluate(SET.format(name="changed", value="true"))
    page.evaluate(SET.format(name="to", value="'2026-05-10'"))

    assert (page.evaluate(RUNS), page.evaluate(FIGURES)) == (1, 1)
    assert page.evaluate("location.search") == "?changed=yes&to=2026-05-10"
    assert not page.complaints()


@pytest.mark.parametrize(
    ("query", "runs", "headings"),
    [
        ("valid=yes", 12, ["Experiments", "Changes", "baseline on Example CPU 3000 CPUs 0-1", "Runs"]),
        ("reliable=yes", 11, ["Experiments", "Changes", "baseline on Example CPU 3000 CPUs 0-1", "Runs"]),
        ("host=Example+CPU+3000+CPUs+0-15", 1, ["Experiments", "Runs"]),
        ("from=2026-05-11", 3, ["Experiments", "baseline on Example CPU 3000 CPUs 0-1", "Runs"]),
        ("from=2026-06-01", 0, []),
        ("host=elsewhere&colour=red", 13, ["Experiments", "Changes", "baseline on Example CPU 3000 CPUs 0-1", "Runs"]),
    ],
)
def test_an_address_leads_to_what_it_was_copied_from(
    page: Page, history: Path, query: str, runs: int, headings: list[str]
) -> None:
    page.open(history, f"?{query}#runs")

    assert page.evaluate(RUNS) == runs
    assert page.evaluate(HEADINGS) == headings
    assert not page.complaints()
