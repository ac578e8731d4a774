"""A new kind of contrast, or a new metric, is reported in every format as soon as it is in the effects of a summary."""

from pathlib import Path

import pytest

from harness.model import Design, Effect, Interval, Summary
from harness.report.export.csv_file import render_csv
from harness.report.html.page import render_page
from harness.report.run_report import report_of
from tests.support.run_reports import render_markdown, render_terminal

BASELINE = Path(__file__).parents[2] / "data" / "report" / "baseline.json"


def with_effect(kind: str, metric: str) -> Summary:
    percent = Interval(value=-3.21, low=-4.32, high=-2.11)
    new = Effect(kind=kind, label="1.28 / 1.26", metric=metric, arms={"tcp": -1}, percent=percent, verdict="faster")
    return Summary.model_validate_json(BASELINE.read_text()).model_copy(update={"effects": (new,)})


@pytest.mark.parametrize(("kind", "metric"), [("change of a difference", "latency"), ("pair", "memory")])
def test_a_new_kind_or_metric_is_in_every_format(kind: str, metric: str) -> None:
    summary = with_effect(kind, metric)
    texts = [render_terminal(summary, Design()), render_markdown(summary, Design()), summary.model_dump_json()]
    texts += [render_page(report_of(summary, Design())), render_csv(summary)]

    assert all("1.28 / 1.26" in text and "3.2" in text for text in texts)


def test_a_kind_with_a_section_of_its_own_is_not_repeated() -> None:
    assert "Other contrasts" not in render_terminal(with_effect("pair", "latency"), Design())
