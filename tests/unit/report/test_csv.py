"""The table for spreadsheets holds every number of a summary once, under its name and unit."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from harness.model import Summary
from harness.report.export.csv_file import CSV_HEADER, render_csv

DATA = Path(__file__).parents[2] / "data" / "report"


def summary(name: str) -> Summary:
    return Summary.model_validate_json((DATA / f"{name}.json").read_text(encoding="utf-8"))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_reads_as_expected(golden: Callable[[Path, str], None]) -> None:
    golden(DATA / "failed-requests.csv", render_csv(summary("failed-requests")))


def test_a_quantity_of_an_arm_or_a_pair_stands_in_one_row() -> None:
    found = [(row["arm"], row["against"], row["quantity"]) for row in rows(render_csv(summary("two-references")))]

    assert len(set(found)) == len(found)


def test_the_numbers_are_those_of_the_summary() -> None:
    seen = summary("baseline")
    table = {(row["arm"], row["against"], row["quantity"]): row for row in rows(render_csv(seen))}
    found = next(each for each in seen.comparisons if (each.arm, each.metric) == ("uds-dir", "latency"))

    row = table["uds-dir", "tcp", "latency_difference_percent"]

    assert (float(row["value"]), float(row["low"]), float(row["high"])) == (
        found.percent,
        found.percent_low,
        found.percent_high,
    )
    assert row["verdict"] == "faster"
    assert float(table["tcp", "", "p99_us"]["value"]) == seen.arms["tcp"].p99_us
    assert float(table["tcp", "", "cpu_nginx_us"]["value"]) == seen.arms["tcp"].cpu_us["nginx"]


def test_what_is_not_known_is_empty_and_never_zero() -> None:
    table = {(row["arm"], row["quantity"]): row for row in rows(render_csv(summary("one-session")))}

    row = table["uds-tmpfs", "latency_difference_percent"]

    assert (row["value"], row["low"], row["p"], row["verdict"]) == ("", "", "", "")


def test_several_results_share_one_header() -> None:
    both = render_csv(summary("baseline"), summary("equivalent"))

    assert both.count(",".join(CSV_HEADER)) == 1
    assert {row["experiment"] for row in rows(both)} == {
        summary("baseline").experiment,
        summary("equivalent").experiment,
    }


def test_a_name_with_a_comma_and_quotes_survives() -> None:
    seen = summary("baseline")
    renamed = seen.model_copy(update={"directory": 'results/"a", b'})

    assert rows(render_csv(renamed))[0]["directory"] == 'results/"a", b'
