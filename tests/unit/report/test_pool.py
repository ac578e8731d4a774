"""What the report of a fleet says, in words and figures."""

import re
from dataclasses import replace

import pytest

from harness.analysis.between_runs.fleet import form_fleet
from harness.analysis.between_runs.pool import Pool, pool_fleet
from harness.model import MACHINE_STATE, Doubt, Interval
from harness.report.commands.pool import pool_report
from harness.report.document import Points, Report
from harness.report.html.page import render_page
from harness.report.text.markdown import render_markdown
from harness.report.text.terminal import render_terminal
from tests.support.comparable_runs import run_data
from tests.support.fleets import FACTORS, facts, fleet_runs


def pool(*extra: object, factors: tuple[float, ...] = FACTORS, by: str = "") -> Pool:
    runs = [*fleet_runs(factors), *extra]
    return pool_fleet(form_fleet(runs, [""] * len(runs)), by)  # type: ignore[arg-type]


def text_of(pooled: Pool) -> str:
    return " ".join(render_terminal(pool_report(pooled), width=100, color=False).split())


@pytest.fixture(scope="module")
def report() -> Report:
    return pool_report(pool(by="kernel.release"))


def test_the_answer_has_the_effect_over_hosts_and_what_to_expect_on_a_new_one(report: Report) -> None:
    assert re.match(
        r"Over 5 hosts, uds-tmpfs is faster than tcp by [\d.]+ % \(95 % interval [\d.]+ to [\d.]+\)\. "
        r"On a new host expect -[\d.]+ to [-+][\d.]+ % \(95 % prediction interval\)\.",
        report.answer[0],
    )
    assert report.warning == ""


def test_a_prediction_that_says_nothing_is_unknown() -> None:
    pooled = pool()
    wide = Interval(value=0.0, low=-100.0, high=1e9)
    effects = tuple(effect.model_copy(update={"prediction_percent": wide}) for effect in pooled.effects)
    text = text_of(pooled.model_copy(update={"effects": effects}))
    assert "What to expect on a new host is unknown: the prediction interval says nothing." in text
    assert "1000000000" not in text


def test_the_tables_have_hosts_beside_what_differs_between_them_and_strata(report: Report) -> None:
    sections = {section.heading: section for section in report.sections}

    (hosts,) = sections["Host by host"].tables
    assert [column.title for column in hosts.columns] == [
        *("host", "uds-tmpfs against tcp", "uds-dir against tcp", "sessions", "kernel")
    ]
    assert len(sections["By kernel.release"].tables[0].rows) == 2
    assert "kernel.release" in {row.cells[0].text for row in sections["Differences between the hosts"].tables[0].rows}  # type: ignore[union-attr]


def test_the_forest_plot_has_each_host_the_mean_and_a_new_host(report: Report) -> None:
    assert report.figure is not None
    assert len([mark for mark in report.figure.marks if isinstance(mark, Points)]) == 5 + 2
    assert "a new host" in report.figure.alt


def test_every_format_has_the_answer(report: Report) -> None:
    answer = report.answer[0].partition(" by ")[0]

    assert answer in render_page(report)
    assert answer in render_markdown(report)
    assert answer in " ".join(render_terminal(report, width=80, color=False).split())


def test_too_few_hosts_are_an_answer_and_no_error() -> None:
    text = text_of(pool(factors=FACTORS[:2]))

    assert text.count("no verdict on uds-tmpfs against tcp: a pooled effect needs 3 hosts: 1 more.") == 1


def test_with_too_few_hosts_for_a_prediction_no_column_and_no_caption_speaks_of_it() -> None:
    report = pool_report(pool(factors=FACTORS[:3]))
    columns = {column.title for section in report.sections for table in section.tables for column in table.columns}

    assert "over hosts" in columns
    assert "new host" not in columns
    assert report.figure is not None
    assert "new host" not in report.figure.caption
    assert render_page(report).count("A prediction needs 5 hosts: 2 more.") == 1


def test_figures_that_read_alike_are_explained_once(report: Report) -> None:
    (others,) = [section.figures for section in report.sections if section.figures]

    assert report.figure is not None
    assert "A square" not in report.figure.caption
    assert "The grey line is where a new host is expected." in report.figure.caption
    assert [figure.caption for figure in others] == [""]


def test_a_run_that_is_not_valid_and_a_host_apart_are_the_first_words() -> None:
    broken = run_data("fleet/broken", rounds=33, host=facts(9), failures={"uds-dir": 3})

    text = text_of(pool(broken, factors=(*FACTORS, 1.5)))

    assert text.startswith("broken: the run fleet/broken is not valid and is not pooled. uds-dir: 3 failed requests")
    assert "web6 stands apart in uds-tmpfs against tcp (typical time per request): +" in text
    assert "broken is not pooled in any effect: its run is not valid." in text


def test_hosts_told_by_their_hardware_are_said_to_be_so() -> None:
    again = run_data("fleet/again", rounds=33, host=facts(None))
    old = run_data("fleet/old", rounds=32, host=facts(None, "6.1.0"))

    pooled = pool_fleet(form_fleet([again, old], ["", ""]))

    assert len(pooled.hosts) == 1
    assert "has 2 runs without a machine id" in text_of(pooled)
    assert "identical machines count as one" in text_of(pooled)


def test_settings_that_differ_are_a_warning() -> None:
    slowed = run_data("fleet/slowed", rounds=33, host=facts(9), paths={"tcp": "/spike/30"})

    assert text_of(pool(slowed)).startswith("The settings of the arms differ between the runs: arms.tcp.path.")


def test_a_host_with_a_run_that_is_not_reliable_has_its_doubt_beside_it() -> None:
    run = run_data("fleet/steady", rounds=33, host=facts(9))
    doubt = Doubt(kind=MACHINE_STATE, seen="An effect depends on the machine's state.", advice="Repeat the run.")
    doubtful = replace(run, summary=run.summary.model_copy(update={"doubts": (*run.summary.doubts, doubt)}))

    pooled = pool(doubtful)
    (host,) = [host for host in pooled.hosts if host.name == "steady"]
    text = text_of(pooled)

    assert host.runs[0].doubts[0] == MACHINE_STATE
    assert text.startswith("steady: the run fleet/steady is not reliable (machine-state), but pooled.")
    assert "doubt: machine-state" in text
    assert text.count("not reliable (machine-state") == 2, "in the first line, and where the runs are listed"
