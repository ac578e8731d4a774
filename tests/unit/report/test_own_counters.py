"""Events that the experiment names: each with its intervals and differences, in every report."""

import csv
import io

import pytest

from harness.model import Design, Summary
from harness.report.export.csv_file import render_csv
from tests.support.known_causes import TCP, TWO, UNIX, Truth, records, summary
from tests.support.run_reports import render_markdown, render_terminal

EVENTS = {"freed": "skb:consume_skb", "late_us": "tcp:tcp_retransmit_skb"}


def counts(freed: float) -> Truth:
    return {"nginx.counters.freed": freed, "host.counters.freed": 20.0, "nginx.counters.late_us": 0.0}


@pytest.fixture(scope="module")
def counted() -> Summary:
    experiment = TWO.model_copy(update={"counters": EVENTS})
    return summary(
        experiment, records({"tcp": TCP, "unix": UNIX}, under_perf={"tcp": counts(12.5), "unix": counts(2.0)})
    )


def test_a_counter_has_a_difference_with_an_interval(counted: Summary) -> None:
    freed = next(counter for counter in counted.counters if counter.name == "nginx.counters.freed")
    assert freed.arms["tcp"].value == 12.5
    difference = freed.differences["unix"]
    assert (difference.low, difference.value, difference.high) == (-10.5, -10.5, -10.5)
    assert counted.counted_events == EVENTS


@pytest.mark.parametrize("render", [render_terminal, render_markdown])
def test_every_report_has_the_rates_the_differences_and_the_zeros(counted: Summary, render: object) -> None:
    assert callable(render)
    text = " ".join(render(counted, Design()).replace("|", " ").split())
    assert "nginx: freed 12.5 ±0.00 2.00 ±0.00" in text
    assert "less tcp - -10.5 ±0.00" in text
    assert "whole machine: freed 20.0 ±0.00 20.0 ±0.00" in text
    assert "nginx: late_us 0.00 ±0.00 0.00 ±0.00" in text
    assert "freed counts skb:consume_skb and late_us counts tcp:tcp_retransmit_skb." in text


def test_the_table_of_numbers_has_them_with_their_intervals(counted: Summary) -> None:
    rows = {(row["arm"], row["quantity"]): row for row in csv.DictReader(io.StringIO(render_csv(counted)))}
    assert rows["tcp", "nginx.counters.freed"]["value"] == "12.5"
    assert rows["unix", "nginx.counters.freed_difference"]["against"] == "tcp"
    assert rows["unix", "nginx.counters.freed_difference"]["high"] == "-10.5"


def test_without_such_counters_no_report_speaks_of_them() -> None:
    text = render_terminal(summary(TWO, records({"tcp": TCP, "unix": UNIX})), Design())
    assert "own counters" not in text


def test_counts_of_one_session_are_said_to_have_no_interval() -> None:
    experiment = TWO.model_copy(update={"counters": EVENTS})
    both = records({"tcp": TCP, "unix": UNIX}, under_perf={"tcp": counts(12.5), "unix": counts(2.0)})
    once = [record if record.session == 1 else record.model_copy(update={"counted": ()}) for record in both]
    text = " ".join(render_terminal(summary(experiment, once), Design()).split())
    assert "nginx: freed 12.5 2.00 less tcp - -10.5" in text
    assert "Counted in one session, so without intervals: give a longer --budget." in text
