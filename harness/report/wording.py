"""Writes numbers with the digits they deserve, and lists and counts as English does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isclose, log10

from harness.model import Design, Difference

MOST_PLACES = 6


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; all three in the same unit."""

    value: float
    low: float
    high: float
    margin: float | None = None  # of equivalence, where a number beside it must not look like it

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def percent_of(comparison: Difference) -> Estimate | None:
    """The difference in percent; None without an interval, for then there is nothing to believe."""
    return _estimate(
        comparison.percent, comparison.percent_low, comparison.percent_high, getattr(comparison, "margin_percent", None)
    )


def us_of(comparison: Difference) -> Estimate | None:
    return _estimate(comparison.us, comparison.us_low, comparison.us_high)


def _estimate(
    value: float | None, low: float | None, high: float | None, margin: float | None = None
) -> Estimate | None:
    if value is None or low is None or high is None:
        return None
    return Estimate(value, low, high, margin)


def decimals(half_width: float, least: int) -> int:
    """Decimals that show one significant digit of `half_width`, two when it begins with 1; `least` to 3."""
    if half_width <= 0:
        return least
    places = -floor(log10(half_width))
    begins_with_1 = half_width * 10.0**places < 2
    return min(max(places + begins_with_1, least), 3)


def signed(value: float, places: int, margin: float | None = None) -> str:
    """`+0.7`, `-1.9`, and `0.0` of nothing; with more digits where it would look like zero or like the `margin`."""
    bounds = (0.0,) if margin is None else (0.0, margin, -margin)
    text = f"{value:+z.{places_beside(value, places, bounds)}f}"
    return text if float(text) else text.lstrip("+")


def places_beside(value: float, places: int, bounds: Iterable[float]) -> int:
    """Return the decimals, `places` or more, with which `value` does not read as one of the `bounds` that it is not."""
    others = [bound for bound in bounds if not isclose(value, bound, rel_tol=1e-9, abs_tol=10.0**-MOST_PLACES)]
    candidates = range(places, max(places, MOST_PLACES) + 1)
    fitting = (each for each in candidates if round(value, each) not in {round(bound, each) for bound in others})
    return next(fitting, places)


def p_value(p: float, limit: float) -> str:
    """`0.068` to two significant digits, and more where it would read as the `limit` that it misses: `0.0496`."""
    if p <= 0:
        return "0"
    digits = max(1 - floor(log10(p)), 0)
    return f"{p:.{places_beside(p, digits, [limit, 0.05])}f}"


def by(estimate: Estimate, *, named: bool = True) -> str:
    """`by 10.6 % (95 % interval 10.1 to 11.1)`: how much, where a word beside it says which way."""
    places = decimals(estimate.half_width, 1)
    low, high = sorted((abs(estimate.low), abs(estimate.high)))
    value, low_text, high_text = (unsigned(x, places, estimate.margin) for x in (abs(estimate.value), low, high))
    return f"by {value} % ({_interval(f'{low_text} to {high_text}', named)})"


def difference(estimate: Estimate, *, named: bool = True) -> str:
    """`-0.6 % (95 % interval -1.9 to +0.7)`: how much and which way; `named` says what the brackets hold."""
    places = decimals(estimate.half_width, 1)
    value, low, high = (signed(x, places, estimate.margin) for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} % ({_interval(f'{low} to {high}', named)})"


def unsigned(value: float, places: int, margin: float | None = None) -> str:
    """As `signed`, of a value that is not below 0."""
    return signed(value, places, margin).lstrip("+")


def _interval(text: str, named: bool) -> str:
    return f"95 % interval {text}" if named else text


def rounded(value: float, digits: int) -> str:
    """`value` to so many significant digits, never as a power of ten: 452, 0.0931, 12300."""
    if value == 0:
        return "0"
    return f"{value:.{max(digits - 1 - floor(log10(abs(value))), 0)}f}"


def duration(seconds: float) -> str:
    """`0.4 s`, `52 s`, `1 min 5 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest_s} s"
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if rest_s else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def counted(number: int, noun: str) -> str:
    """`1 session`, `12 sessions`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def within(design: Design | None) -> str:
    """The equivalence margin, ready to follow "equivalent"."""
    return f" within {design.equivalence_percent:g} %" if design else ""
