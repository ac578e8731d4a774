"""Any report reads in every format: what holds for the renderers, whatever the report is about."""

import csv
import re
from html import unescape
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from harness.cli.formats import FormatOptions, format_options, print_report, report_text
from harness.errors import ConfigError
from harness.model import Interval
from harness.report.document import (
    Column,
    IntervalCell,
    NumberCell,
    Report,
    ReportedDoubt,
    Row,
    Section,
    Table,
    TextCell,
    VerdictCell,
)
from harness.report.html.page import render_page
from harness.report.text.terminal import render_terminal

TABLE = Table(
    "Both groups",
    [
        Column("arm"),
        Column("rate", "per s", "Measurements"),
        Column("difference", "95 % interval", "Comparisons"),
        Column("verdict", group="Comparisons"),
    ],
    [
        Row([TextCell("tcp")], color="arm-0"),
        Row(
            [
                TextCell("a_<b>"),
                NumberCell("1234", "1200 to 1300"),
                IntervalCell(Interval(value=-9.12, low=-10.3, high=-8.1), " %", 1),
                VerdictCell("faster", is_starred=True),
            ],
            ends_group=True,
            is_inner=True,
        ),
    ],
)
REPORT = Report(
    title="trial",
    question="Is it <faster>?",
    answer=["a_<b> is faster by 9.1 %.", "By 12 us."],
    warning="Not valid. Requests failed.",
    is_valid=False,
    certainty=["12 sessions."],
    sections=[
        Section("", tables=[TABLE], notes=["* Starred."]),
        Section("Facts", ["Set `a_b=1`."], facts=[("CPU", "two")], listing="a  b\nc  d"),
        Section("Everything", ["Folded."], is_detail=True),
    ],
    doubts=[ReportedDoubt("steal", "in session 3", "3 % was stolen", "Use `another` machine.")],
    background=[Section("The machine", facts=[("System", "Debian")])],
    next_steps=[("Repeat", "barehop run x")],
)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_every_format_says_everything(form: str) -> None:
    text = report_text(REPORT, form)
    if form == "html":
        text = unescape(re.sub(r"<[^>]*>", "", text)).replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
    text = text.replace("\\", "")  # before Markdown's special characters
    for said in ("Not valid.", "Is it <faster>?", "a_<b> is faster by 9.1 %.", "12 sessions.", "1234", "-9.1 %"):
        assert said in text
    for said in ("-10.3 to -8.1", "faster *", "Facts", "CPU", "a  b\nc  d", "steal", "3 % was stolen"):
        assert said in text


def test_details_are_not_for_the_terminal_and_background_is_only_for_pages() -> None:
    terminal, markdown, page = (report_text(REPORT, form) for form in ("text", "markdown", "html"))

    assert ["Folded" in text for text in (terminal, markdown, page)] == [False, True, True]
    assert ["Debian" in text for text in (terminal, markdown, page)] == [False, False, True]


def test_a_narrow_terminal_shows_a_table_for_each_group() -> None:
    assert render_terminal(REPORT, width=100).count("\narm") == 1
    assert render_terminal(REPORT, width=50).count("\narm") == 2


@pytest.mark.parametrize("width", [30, 40, 60])
def test_no_table_is_cut_short_or_wider_than_the_terminal(width: int) -> None:
    text = render_terminal(REPORT, width=width)

    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_a_page_loads_and_runs_nothing() -> None:
    page = render_page(REPORT)

    for active in ("<script", "http:", "https:", " style=", "url("):
        assert active not in page
    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in page


def test_csv_has_a_line_for_each_cell() -> None:
    rows = list(csv.DictReader(report_text(REPORT, "csv").splitlines()))

    assert [row["column"] for row in rows] == ["rate", "difference", "verdict"]
    assert (rows[1]["value"], rows[1]["low"], rows[1]["unit"]) == ("-9.12", "-10.3", "%")


@click.command()
@format_options()
def trial(options: FormatOptions) -> None:
    print_report(REPORT, Interval(value=1), options)


def test_a_command_has_every_format(tmp_path: Path) -> None:
    run = CliRunner().invoke

    assert run(trial).output.startswith("Not valid.")
    assert run(trial, ["--json"]).output.startswith("{\n")
    assert run(trial, ["--markdown"]).output.startswith("# trial\n\n> [!WARNING]")
    assert run(trial, ["--csv"]).output.startswith("section,")
    assert run(trial, ["--html"]).output.startswith("<!doctype html>")
    assert run(trial, ["--html", "--out", str(tmp_path / "page.html")]).output == f"{tmp_path}/page.html\n"
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == render_page(REPORT)


@pytest.mark.parametrize("wrong", [["--json", "--csv"], ["--out", "x"]])
def test_options_that_exclude_each_other_are_refused(wrong: list[str]) -> None:
    assert isinstance(CliRunner().invoke(trial, wrong).exception, ConfigError)


@pytest.mark.parametrize("width", [60, 100])
def test_a_name_of_wide_letters_is_whole_in_its_column(width: int) -> None:
    name = "\u6f22" * 20
    table = Table("", [Column("arm"), Column("what")], [Row([TextCell(name), TextCell("a", "b")])])

    text = render_terminal(Report("", [], sections=[Section("", tables=[table])]), width=width)
    (line,) = [line for line in text.splitlines() if name in line]

    assert line.split() == [name, "a", "(b)"]
