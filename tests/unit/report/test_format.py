"""Numbers, lists and counts as they are written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.format import (
    ReportedInterval,
    decimals_for,
    format_duration,
    format_p,
    format_signed,
    format_significant,
    join_with_and,
    percent_range_text,
    percent_with_interval,
    pluralize,
    size_with_interval,
)


@pytest.mark.parametrize(
    ("half_width", "least", "places"),
    [
        (0.5, 1, 1),
        (0.19, 1, 2),
        (0.2, 1, 1),
        (0.03, 1, 2),
        (14.3, 1, 1),
        (14.3, 0, 0),
        (1.4, 0, 1),
        (0, 1, 1),
        (1e-9, 1, 3),
    ],
)
def test_decimals_follow_the_half_width(half_width: float, least: int, places: int) -> None:
    assert decimals_for(half_width, least) == places


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.74, "+0.7"), (-1.86, "-1.9"), (0.0, "0.0"), (-0.0, "0.0"), (-0.04, "-0.04"), (0.002, "+0.002"), (12, "+12.0")],
)
def test_a_signed_number_has_no_sign_when_it_is_zero_and_does_not_look_like_zero_otherwise(
    value: float, text: str
) -> None:
    assert format_signed(value, 1) == text


@pytest.mark.parametrize(
    ("value", "margin", "text"),
    [
        (0.996, 1.0, "+0.996"),
        (-1.04, 1.0, "-1.04"),
        (1.0, 1.0, "+1.0"),
        (0.996, None, "+1.0"),
        (4.98, 5.0, "+4.98"),
        (0.94, 1.0, "+0.9"),
    ],
)
def test_a_number_beside_the_margin_is_not_printed_as_the_margin(value: float, margin: float | None, text: str) -> None:
    assert format_signed(value, 1, margin) == text


@pytest.mark.parametrize(
    ("p", "limit", "text"),
    [
        (0.068, 0.05, "0.068"),
        (0.0496, 0.05, "0.0496"),
        (0.0504, 0.05, "0.0504"),
        (0.05, 0.05, "0.050"),
        (0.33, 0.05, "0.33"),
        (0, 0.05, "0"),
    ],
)
def test_a_p_is_not_printed_as_the_limit_that_it_misses(p: float, limit: float, text: str) -> None:
    assert format_p(p, limit) == text


def test_an_estimate_prints_each_of_its_numbers_apart_from_zero_and_its_margin() -> None:
    assert (
        percent_with_interval(ReportedInterval(0.6, 0.03, 1.03, margin=1.0)) == "+0.6 % (95 % interval +0.03 to +1.03)"
    )
    assert (
        size_with_interval(ReportedInterval(-0.6, -1.03, -0.03, margin=1.0)) == "by 0.6 % (95 % interval 0.03 to 1.03)"
    )


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (12.3, -100.0, 1032860584.0, "+12.3 % (interval unknown)"),
        (0.0, -90.0, 999.0, "0.0 % (-90.0 to +999.0)"),
        (0.0, -91.0, 1001.0, "0.0 % (interval unknown)"),
        (1500.0, 1450.0, 1550.0, "+1500.0 % (+1450.0 to +1550.0)"),
        (-99.9, -100.0, -50.0, "-99.9 % (-100.0 to -50.0)"),
    ],
)
def test_an_interval_in_percent_that_says_nothing_is_unknown(value: float, low: float, high: float, text: str) -> None:
    estimate = ReportedInterval(value, low, high)
    assert percent_with_interval(estimate, named=False) == text
    assert percent_with_interval(estimate) == re.sub(r"\((interval )?", "(95 % interval ", text)
    is_unknown = "unknown" in text
    assert (percent_range_text(estimate) == "unknown") is is_unknown
    assert ("(95 % interval unknown)" in size_with_interval(estimate)) is is_unknown


@given(st.floats(1e-6, 1e9))
def test_three_digits_are_within_half_a_percent_and_never_a_power_of_ten(value: float) -> None:
    text = format_significant(value, 3)

    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=0.005)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.42, "0.42 s"),
        (9.96, "10 s"),
        (52.3, "52 s"),
        (59.7, "1 min"),
        (65, "1 min 5 s"),
        (3599.8, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_is_as_people_say_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_lists_and_counts_are_english() -> None:
    assert [join_with_and(["a"]), join_with_and(["a", "b"]), join_with_and(["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [pluralize(0, "doubt"), pluralize(1, "doubt"), pluralize(2, "doubt")] == ["0 doubts", "1 doubt", "2 doubts"]
