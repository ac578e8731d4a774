"""Reports on a screen: golden texts, the half-normal plot, and the plan."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis.plot_data import plot_data
from harness.model import Design, Experiment
from harness.report.document import Label, Points
from harness.report.export.csv_file import render_csv
from harness.report.figures.distributions import half_normal_figure
from harness.report.figures.intervals import forest_figure
from harness.report.sections.background import method_facts
from tests.support.factorial_experiments import factorial
from tests.support.run_reports import render_html, render_markdown, render_plan, render_terminal
from tests.support.simulated_run import Run, run_of

DATA = Path(__file__).parents[2] / "data" / "report" / "screen"
KNOBS = ("tcp_sack", "tcp_ecn", "tcp_autocorking", "tcp_frto", "ip_early_demux")


def experiment() -> Experiment:
    factors = {f"knobs.net.ipv4.{name}": [1, 0] for name in KNOBS}
    return factorial(factors, against="", design={"screen": "plackett-burman", "expect_null": ["net.ipv4.tcp_frto"]})


@pytest.fixture(scope="module")
def run() -> Run:
    asked = experiment()
    key = "knobs.net.ipv4.ip_early_demux"
    truth = {arm: 1.05 if of[key] == "0" else 1.0 for arm, of in asked.levels.items()}
    return run_of(truth, experiment=asked)


def test_the_first_figure_names_settings_and_not_runs(run: Run) -> None:
    figure = forest_figure(run.summary, run.plan.experiment.design, "latency")

    assert figure is not None
    names = [mark.strong for mark in figure.marks if isinstance(mark, Label)]
    assert sorted(names) == sorted(f"{name}=0" for name in KNOBS)
    assert figure.title == "Typical time per request, against the first level of each setting"


def test_a_report_reads_as_expected(run: Run, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / "screen.txt", render_terminal(run.summary, Design(), width=80))
    golden(DATA / "screen.md", render_markdown(run.summary, Design()))


def test_a_plan_reads_as_expected(run: Run, golden: Callable[[Path, str], None]) -> None:
    golden(DATA / "plan.txt", render_plan(run.plan, 60.0, width=80))


def test_what_stands_out_is_named_in_the_half_normal_plot(run: Run) -> None:
    figure = half_normal_figure(run.summary)
    assert figure is not None
    assert [mark.text for mark in figure.marks if isinstance(mark, Label)] == ["ip_early_demux=0"]
    sizes = [mark.ys[0] for mark in figure.marks if isinstance(mark, Points)]
    assert len(sizes) == len(KNOBS)
    assert sizes == sorted(sizes)


def test_a_table_for_spreadsheets_has_the_effects(run: Run) -> None:
    rows = {(row["arm"], row["quantity"]): row for row in csv.DictReader(io.StringIO(render_csv(run.summary)))}
    effect = next(one for one in run.summary.main_effects if one.arm == "ip_early_demux=0" and one.metric == "latency")
    row = rows["ip_early_demux=0", "latency_main_effect_percent"]
    assert (float(row["value"]), row["against"], row["verdict"]) == (effect.percent, "ip_early_demux=1", "slower")


def test_the_method_names_the_correction_of_the_effects(run: Run) -> None:
    verdict = dict(method_facts(run.summary, run.plan, {}))["Verdict"]
    assert "Benjamini and Hochberg" in verdict
    plain = run.summary.model_copy(update={"main_effects": ()})
    assert "Benjamini" not in dict(method_facts(plain, run.plan, {}))["Verdict"]


def test_what_was_allowed_is_allowed_again(run: Run) -> None:
    allowed = run.summary.model_copy(update={"allow_global": True, "planned_sessions": 99})
    assert render_terminal(allowed, Design(), width=80).count(" --allow-global") == 2
    assert " --allow-global" not in render_terminal(run.summary, Design(), width=80)


def test_a_page_has_the_plot_and_the_tables(run: Run) -> None:
    page = render_html(run.summary, run.plan, run.host, plot_data(run.plan.experiment, run.sessions))
    for words in ("Significant effects", "Which settings matter?", "Changed settings of each arm"):
        assert words in page
