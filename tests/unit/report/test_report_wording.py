"""Numbers, lists and counts as they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.wording import counted, decimals, duration, listed, rounded, signed


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
    assert decimals(half_width, least) == places


@pytest.mark.parametrize(
    ("value", "text"), [(0.74, "+0.7"), (-1.86, "-1.9"), (-0.04, "0.0"), (0.04, "0.0"), (12, "+12.0")]
)
def test_a_signed_number_has_no_sign_when_it_is_zero(value: float, text: str) -> None:
    assert signed(value, 1) == text


@given(st.floats(1e-6, 1e9))
def test_three_digits_are_within_half_a_percent_and_never_a_power_of_ten(value: float) -> None:
    text = rounded(value, 3)

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
    assert duration(seconds) == text


def test_lists_and_counts_are_english() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert [counted(0, "doubt"), counted(1, "doubt"), counted(2, "doubt")] == ["0 doubts", "1 doubt", "2 doubts"]
