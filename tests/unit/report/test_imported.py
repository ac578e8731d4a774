"""What was measured elsewhere stands beside a result in every kind of report."""

import csv
from pathlib import Path

import pytest

from harness.imports.read import read_all_runs
from harness.model import ImportedRun, Summary
from harness.report.cells import cell_parts
from harness.report.document import Points
from harness.report.export.csv_file import render_csv
from harness.report.figures.distributions import imported_figure
from harness.report.sections.imported import imported_sections
from tests.support.run_reports import render_markdown, render_terminal

DATA = Path(__file__).parents[2] / "data"
SEED = read_all_runs([DATA / "foreign/table/seed.csv"])
THREE = read_all_runs([f"cloud/tcp={DATA / 'foreign/ab/three.txt'}", f"cloud/tcp={DATA / 'foreign/hey/stall.txt'}"])


def beside(*runs: ImportedRun) -> Summary:
    summary = Summary.model_validate_json((DATA / "report/baseline.json").read_text(encoding="utf-8"))
    return summary.model_copy(update={"foreign": runs})


def cells(summary: Summary, architecture: str, where: str) -> list[str]:
    (section,) = imported_sections(summary)
    rows = next(table.rows for table in section.tables if table.caption == where)
    texts = [[" ".join(filter(None, cell_parts(cell))) for cell in row.cells] for row in rows]
    return next(row for row in texts if row[0] == architecture)


def test_without_foreign_results_nothing_is_said_of_them() -> None:
    assert imported_sections(beside()) == []
    assert imported_figure(beside()) is None
    assert "elsewhere" not in render_terminal(beside(), None, width=100)


def test_the_arms_here_stand_above_what_the_files_say() -> None:
    summary = beside(*SEED)
    (section,) = imported_sections(summary)
    captions = [sheet.caption for sheet in section.tables]
    assert captions == ["Here", "docker-desktop-macos", "fargate-x86_64", "fargate-arm64"]
    assert [cell_parts(row.cells[0])[0] for row in section.tables[0].rows] == list(summary.arms)
    assert cells(summary, "tcp", "fargate-arm64")[1:] == ["1", "475.0", "2.105", "3", "-"]


def test_repetitions_have_their_mean_and_range_and_no_more_decimals_than_the_coarsest_tool() -> None:
    name, runs, rate, mean, p99, failed = cells(beside(*THREE), "tcp", "cloud")
    assert (name, runs, rate) == ("tcp", "4", "2237.3 39.7 to 4839.3")
    assert (mean, p99) == ("0.5 0.2 to 1.4", "7 1 to 12")
    assert failed == "2"


def test_remarks_and_single_runs_are_told() -> None:
    (section,) = imported_sections(beside(*SEED))
    told = " ".join(section.sentences)
    assert "docker-desktop-macos: combined: 1.871 ms per request does not fit" in told
    assert "Single runs give no estimate of the variation between runs: 9 architectures." in told
    (section,) = imported_sections(beside(*THREE, *SEED[:1]))
    assert "variation between runs: docker-desktop-macos: tcp." in " ".join(section.sentences)


def test_terminal_and_markdown_have_the_section() -> None:
    assert "Imported results" in render_terminal(beside(*SEED), None, width=100)
    assert "| tcp | 1 | 475.0 | 2.105 | 3 | - |" in render_markdown(beside(*SEED), None)


def test_the_csv_has_a_row_for_each_number_of_each_run() -> None:
    rows = list(csv.DictReader(render_csv(beside(*THREE)).splitlines()))
    elsewhere_only = [row for row in rows if row["experiment"] == "cloud"]
    assert [row["value"] for row in elsewhere_only if row["quantity"] == "mean_us"] == [
        "207.0",
        "1360.0",
        "300.0",
        "200.0",
    ]
    assert {row["arm"] for row in elsewhere_only} == {"tcp"}
    assert [row["value"] for row in elsewhere_only if row["quantity"] == "failed"] == ["0", "0", "0", "2"]


def test_the_json_is_read_back_as_it_was() -> None:
    summary = beside(*SEED, *THREE)
    assert Summary.model_validate_json(summary.model_dump_json()) == summary


def test_the_figure_has_a_point_for_each_run_and_each_arm() -> None:
    summary = beside(*THREE)
    figure = imported_figure(summary)
    assert figure
    points = [mark for mark in figure.marks if isinstance(mark, Points) and not mark.label]
    means, p99s = points[::2], points[1::2]
    assert sum(len(mark.xs) for mark in means) == len(summary.arms) + 4
    assert means[-1].xs == pytest.approx([0.207, 1.36, 0.3, 0.2])
    assert p99s[-1].ys == [len(summary.arms)] * 3
    assert "cloud: tcp 0.207, 1.36, 0.3, 0.2 ms" in figure.alt
