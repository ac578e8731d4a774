"""How findings become the rows of the table, and the table's Markdown."""

import pytest

from scripts.precision_study.intervals import Interval
from scripts.precision_study.table import Finding, Row, markdown, rows_of

METHODS = ("one after the other", "in turn", "barehop")


def finding(method: str, half_width: float, *, control: float = 0.0, own_alarm: bool | None = None) -> Finding:
    """The control lies `control` half widths off zero."""
    return Finding(
        method=method,
        repeat=1,
        effect=interval(-10, half_width),
        control=interval(control * half_width, half_width),
        runs=20,
        own_alarm=own_alarm,
        seconds=40.4,
    )


def interval(percent: float, half_width: float) -> Interval:
    return Interval(percent=percent, percent_low=percent - half_width, percent_high=percent + half_width)


def rows(*findings: Finding) -> dict[str, Row]:
    return {row.method: row for row in rows_of(findings, METHODS)}


def test_a_half_width_is_the_median_over_repetitions() -> None:
    found = rows(*(finding("in turn", half_width) for half_width in (2, 100, 3)))
    assert found["in turn"].half_width_percent == pytest.approx(3)
    assert found["in turn"].repeats == 3


def test_the_ratio_is_to_the_half_width_of_barehop() -> None:
    found = rows(finding("barehop", 0.5), finding("in turn", 4))
    assert found["in turn"].times_as_wide == pytest.approx(8)
    assert found["barehop"].times_as_wide == pytest.approx(1)


def test_without_barehop_there_is_no_ratio() -> None:
    assert rows(finding("in turn", 4))["in turn"].times_as_wide is None


def test_a_method_with_too_many_false_alarms_does_not_count() -> None:
    alarming = [finding("one after the other", 10, control=control) for control in (2, -2, 0.5, 0.5)]
    row = rows(*alarming, finding("barehop", 0.5))["one after the other"]
    assert (row.alarms, row.holds, row.times_as_wide) == (2, False, None)


def test_nothing_is_compared_with_a_barehop_that_does_not_hold() -> None:
    found = rows(*[finding("barehop", 0.5, control=2)] * 3, finding("in turn", 4))
    assert found["in turn"].holds
    assert found["in turn"].times_as_wide is None


def test_how_far_a_method_is_off_is_the_root_mean_square_of_what_it_made_of_nothing() -> None:
    found = rows(*(finding("in turn", 1, control=control) for control in (3, -4)), finding("barehop", 1))
    assert found["in turn"].off_percent == pytest.approx(12.5**0.5)
    assert found["in turn"].times_as_far is None, "a barehop that is exactly right is no measure"


def test_rows_have_the_order_of_the_methods_whatever_came_first() -> None:
    found = rows_of([finding("barehop", 1), finding("in turn", 1), finding("one after the other", 1)], METHODS)
    assert [row.method for row in found] == list(METHODS)


def test_what_a_tool_says_of_the_control_itself_is_counted() -> None:
    said = [finding("in turn", 1, own_alarm=alarm) for alarm in (True, True, False)]
    assert rows(*said)["in turn"].own_alarms == 2
    assert rows(finding("barehop", 1))["barehop"].own_alarms is None


def test_the_table_says_who_does_not_count() -> None:
    findings = [finding("one after the other", 10, control=2, own_alarm=True)] * 3 + [
        finding("in turn", 4, control=0.5)
    ] * 3
    about = dict.fromkeys(METHODS, "so and so.")
    text = markdown(rows_of([*findings, *[finding("barehop", 0.5, control=-0.5)] * 3], METHODS), about, "Made so.")
    assert "reports a difference of 0.25 % between two equal arms; the other methods report 2.00 to 20.00 %." in text
    assert "\n\nMade so.\n\n| method |" in text
    assert [line for line in text.splitlines() if line.startswith("| ")][2:] == [
        "| one after the other | -10.0 | [10.00] |  | 20.00 | 80 | 3 of 3 | 20 | 40 |",
        "| in turn | -10.0 | 4.00 | 8.0 | 2.00 | 8 | 0 of 3 | 20 | 40 |",
        "| barehop | -10.0 | 0.50 | 1.0 | 0.25 | 1 | 0 of 3 | 20 | 40 |",
    ]
    assert "- **one after the other**: so and so. By its own test the control differed in 3 of 3.\n" in text
    assert "- **in turn**: so and so.\n" in text
