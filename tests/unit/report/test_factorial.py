"""Reports on factorial experiments and tails: golden texts, and the sentence for each thing that can be found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis.plot_data import plot_data
from harness.model import Design, Summary, ToolAgreement
from harness.report.export.csv_file import render_csv
from harness.report.sections.factorial import factor_sections, sign_sentences
from harness.report.sections.load import tail_sections
from tests.support.factorial_experiments import by_transport
from tests.support.run_reports import render_html, render_markdown, render_terminal
from tests.support.simulated_run import run_of

DATA = Path(__file__).parents[2] / "data" / "report" / "factors"
CASES = sorted(path.stem for path in DATA.glob("*.json"))
OLD = DATA.parent / "equivalent.json"  # written before any of this was said


def summary(name: str) -> Summary:
    return Summary.model_validate_json((DATA / f"{name}.json").read_text(encoding="utf-8"))


def told(found: Summary) -> str:
    return "\n".join(sentence for section in factor_sections(found, Design()) for sentence in section.sentences)


@pytest.mark.parametrize("case", CASES)
def test_a_report_reads_as_expected(case: str, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / f"{case}.txt", render_terminal(summary(case), Design(), width=80))
    golden(DATA / f"{case}.md", render_markdown(summary(case), Design()))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("case", CASES)
def test_every_table_fits_and_no_number_is_cut_short(case: str, width: int) -> None:
    text = render_terminal(summary(case), Design(), width=width)
    assert "…" not in text
    assert not [line for line in text.splitlines() if len(line) > width and "results/" not in line]


def test_effects_that_agree_are_told_in_one_sentence() -> None:
    found = summary("placement")
    alike = tuple(one.model_copy(update={"verdict": "agree"}) for one in found.interactions)
    assert "is the same within 1 % at every level of placement." in told(
        found.model_copy(update={"interactions": alike})
    )


@pytest.mark.parametrize(("number", "who"), [(1, "Both tools agree on"), (2, "The 3 tools agree on")])
def test_tools_that_agree_are_counted(number: int, who: str) -> None:
    found = summary("tools")
    latency = [one for one in found.interactions if one.metric == "latency"][:number]
    alike = tuple(one.model_copy(update={"verdict": "agree"}) for one in latency)
    assert who in told(found.model_copy(update={"interactions": alike}))


def test_only_transport_with_placement_is_taken_apart() -> None:
    assert "changes both at once, as the write-up's `combined` did" in told(summary("placement"))
    assert "at once" not in told(summary("alike"))


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("same", "Every tool agrees with client on the sign."),
        ("opposite", "ab has the opposite sign to client for the effect of x against y. Few requests."),
        (
            "undecided",
            "Whether ab and client agree on the sign of the effect of x against y is undecided. Few requests.",
        ),
    ],
)
def test_signs_are_told_with_their_reasons(verdict: str, said: str) -> None:
    fields = {"tool": "ab", "reference": "client", "arm": "x", "against": "y", "why": ("Few requests.",)}
    assert sign_sentences([ToolAgreement.model_validate({**fields, "verdict": verdict})]) == [said]


def test_a_result_from_before_is_still_readable_and_has_none_of_it() -> None:
    old = Summary.model_validate_json(OLD.read_text(encoding="utf-8"))
    assert not factor_sections(old, Design())
    assert not tail_sections(old)


def test_a_terminal_shows_tails_only_beyond_the_tenth() -> None:
    few, many = (run_of({"tcp": 1.0, "uds-tmpfs": 0.9}, rounds=rounds).summary for rounds in (8, 200))
    assert "Tail latency" not in render_terminal(few, Design(), width=80)
    assert "Tail latency" in render_terminal(many, Design(), width=80)
    assert "Tail latency" in render_markdown(few, Design())


def test_a_page_has_the_sections_and_their_tables() -> None:
    truth = {"split/tcp": 1.0, "split/uds-tmpfs": 0.9, "shared/tcp": 0.95, "shared/uds-tmpfs": 0.7}
    run = run_of(truth, experiment=by_transport("placement", ["split", "shared"]))
    page = render_html(run.summary, run.plan, run.host, plot_data(run.plan.experiment, run.sessions))
    for words in ("Does the effect of transport depend on placement?", "Changing both at once", "Tail latency"):
        assert words in page
    assert "<code>combined</code>" in page
    assert '<td class="verdict differ">differ</td>' in page


def test_the_table_for_spreadsheets_has_the_tails() -> None:
    found = summary("placement")
    lines = [line for line in render_csv(found).splitlines() if ",p90_difference_percent," in line]
    assert len(lines) == len([one for one in found.tails if one.percentile == 90]) > 0
