"""Numbers, intervals, verdicts, lists and counts as text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isclose, log10

from harness.model import METRICS, ArmEffect, Design, Interval

MAX_DECIMALS = 6
NO_NUMBER, UNKNOWN = "no number", "unknown"
WIDEST_PERCENT, WIDEST_FACTOR = 1000.0, 10.0  # beyond both, the end of an interval says nothing
FIELD_UNITS = {f"schedule.{key}": "requests" for key in ("burst", "settle")}
NO_BREAK = "\N{NO-BREAK SPACE}"
SPACE_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|(?:us|ms|s|min|h)\b)")
NO_WORD = re.compile(r"[^a-z0-9]+")
MINUS_SIGN_PLACE = re.compile(r"(?<![\w.)-])-(?=\d)")
VERDICT_CLAUSES = {
    "faster": "{subject} is {faster}{than} {size}",
    "slower": "{subject} is {slower}{than} {size}",
    "equivalent": "{subject} is equivalent{to}{margin}: {interval}",
    "undecided": "whether {subject} is {faster} or {slower}{than} is undecided: {interval}",
    None: "no verdict on {subject} against {against}: {why}",
}
RATE_WORDS = {"faster": "higher", "slower": "lower"}  # verdicts are on times; of a rate, more is better
VERDICTS = (  # in the order of a report
    *("faster", "slower", "equivalent", "agree", "undecided", "differ", None),
    *("confirmed", "contradicted", "cannot be decided"),  # of claims
)


@dataclass(frozen=True, slots=True)
class ReportedInterval:
    """A value with its 95 % interval, all in one unit."""

    value: float
    low: float
    high: float
    margin: float | None = None  # of equivalence: no number may be rounded to it

    @property
    def ends(self) -> tuple[float, float]:
        """Return `low` and `high`."""
        return self.low, self.high

    @property
    def half_width(self) -> float:
        """Return half the distance between `low` and `high`."""
        return (self.high - self.low) / 2

    @property
    def excludes_zero(self) -> bool:
        """Return whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def amount_interval(amount: Interval | None, margin: float | None = None) -> ReportedInterval | None:
    """Return the amount with its interval, or None without an interval."""
    if amount is None or amount.low is None or amount.high is None:
        return None
    return ReportedInterval(amount.value, amount.low, amount.high, margin)


def percent_interval(effect: ArmEffect) -> ReportedInterval | None:
    """Return the difference in percent, or None without an interval."""
    return amount_interval(effect.in_percent, effect.margin_percent)


def us_interval(effect: ArmEffect) -> ReportedInterval | None:
    """Return the difference in microseconds, or None without an interval."""
    return amount_interval(effect.in_us)


def decimals_for(half_width: float, least: int) -> int:
    """Return the decimals, `least` to 3, that show one significant digit of `half_width`, two if it begins with 1."""
    if half_width <= 0:
        return least
    places = -floor(log10(half_width))
    begins_with_1 = half_width * 10.0**places < 2
    return min(max(places + begins_with_1, least), 3)


def format_signed(value: float, places: int, margin: float | None = None) -> str:
    """Return `+0.7`, `-1.9` or `0.0`, with more decimals where the text would read as zero or as the `margin`."""
    bounds = (0.0,) if margin is None else (0.0, margin, -margin)
    text = f"{value:+z.{distinguishing_decimals(value, places, bounds)}f}"
    return text if float(text) else text.lstrip("+")


def format_unsigned(value: float, places: int, margin: float | None = None) -> str:
    """Return the same as `format_signed` for a value that is not negative, without the plus."""
    return format_signed(value, places, margin).lstrip("+")


def distinguishing_decimals(value: float, places: int, bounds: Iterable[float]) -> int:
    """Return the fewest decimals, `places` or more, that keep `value` from reading as another value in `bounds`."""
    others = [bound for bound in bounds if not isclose(value, bound, rel_tol=1e-9, abs_tol=10.0**-MAX_DECIMALS)]
    candidates = range(places, max(places, MAX_DECIMALS) + 1)
    return next((n for n in candidates if round(value, n) not in {round(bound, n) for bound in others}), places)


def field_title(field: str) -> str:
    """Return the field of a record with its unit, if its name does not tell: `schedule.settle, requests`."""
    unit = FIELD_UNITS.get(field)
    return f"{field}, {unit}" if unit else field


def format_p(p: float, limit: float) -> str:
    """Return `p` with two significant digits, or more where it would read as `limit` or 0.05: `0.068`, `0.0496`."""
    if p <= 0:
        return "0"
    digits = max(1 - floor(log10(p)), 0)
    return f"{p:.{distinguishing_decimals(p, digits, [limit, 0.05])}f}"


def interval_numbers(interval: ReportedInterval, least: int) -> tuple[str, str, str]:
    """Return value, low and high, with the decimals that the interval deserves but no fewer than `least`."""
    places = decimals_for(interval.half_width, least)
    value, low, high = (
        format_signed(x, places, interval.margin) for x in (interval.value, interval.low, interval.high)
    )
    return value, low, high


def is_too_wide(estimate: ReportedInterval) -> bool:
    """Return whether an interval in percent says nothing: it reaches beyond +1000 % and ten times the value.

    Few sessions of a metric that varies make such intervals, because they are symmetric in the logarithm.
    """
    return estimate.high > WIDEST_PERCENT and 100 + estimate.high > WIDEST_FACTOR * (100 + estimate.value)


def percent_range(estimate: ReportedInterval, least: int = 1) -> str:
    """Return `-1.9 to +0.7`, or `unknown`."""
    _, low, high = interval_numbers(estimate, least)
    return UNKNOWN if is_too_wide(estimate) else f"{low} to {high}"


def percent_range_text(estimate: ReportedInterval) -> str:
    """Return `-1.9 to +0.7 %`, or `unknown`."""
    return percent_range(estimate) + ("" if is_too_wide(estimate) else " %")


def size_with_interval(estimate: ReportedInterval, *, named: bool = True) -> str:
    """Return the size of a difference without its sign: `by 10.6 % (95 % interval 10.1 to 11.1)`."""
    places = decimals_for(estimate.half_width, 1)
    low, high = sorted((abs(estimate.low), abs(estimate.high)))
    value, low_text, high_text = (format_unsigned(x, places, estimate.margin) for x in (abs(estimate.value), low, high))
    ends = UNKNOWN if is_too_wide(estimate) else f"{low_text} to {high_text}"
    return f"by {value} % ({_interval_words(ends, named=named)})"


def percent_with_interval(estimate: ReportedInterval, *, named: bool = True) -> str:
    """Return `-0.6 % (95 % interval -1.9 to +0.7)`, or `-0.6 % (-1.9 to +0.7)` where `named` is false."""
    return f"{format_percent(estimate)} ({_interval_words(percent_range(estimate), named=named)})"


def _interval_words(ends: str, *, named: bool) -> str:
    name = "95 % interval " if named else "interval " if ends == UNKNOWN else ""
    return f"{name}{ends}"


def format_percent(interval: ReportedInterval) -> str:
    """Return `-0.6 %`: the value without its interval."""
    return f"{interval_numbers(interval, 1)[0]} %"


def us_with_interval(interval: ReportedInterval) -> str:
    """Return `+13 us (+10 to +16)`."""
    value, low, high = interval_numbers(interval, 0)
    return f"{value} us ({low} to {high})"


def format_us_amount(amount: Interval) -> str:
    """Return `-13 us (-16 to -10)`, without an interval `-13 us`."""
    interval = amount_interval(amount)
    return us_with_interval(interval) if interval else f"{format_signed(amount.value, 0)} us"


def format_us_level(amount: Interval) -> str:
    """Return `70 us (67 to 72)`, for an amount that is not a difference."""
    return format_us_amount(amount).replace("+", "")


def us_text(effect: ArmEffect) -> str:
    """Return `+13 us (+10 to +16)`, or `no number` without an interval."""
    interval = us_interval(effect)
    return us_with_interval(interval) if interval else NO_NUMBER


def percent_text(effect: ArmEffect, *, named: bool = False) -> str:
    """Return `+3.1 % (+2.6 to +3.6)`, or `no number` without an interval."""
    estimate = percent_interval(effect)
    return percent_with_interval(estimate, named=named) if estimate else NO_NUMBER


def format_significant(value: float, digits: int) -> str:
    """Return `value` with `digits` significant digits and without an exponent: `452`, `0.0931`, `12300`."""
    if value == 0:
        return "0"
    return f"{value:.{max(digits - 1 - floor(log10(abs(value))), 0)}f}"


def format_duration(seconds: float) -> str:
    """Return `0.4 s`, `52 s`, `1 min 5 s` or `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest_s} s"
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if rest_s else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def format_minute(time_utc: str) -> str:
    """Return `2026-05-07 10:00` of an ISO time."""
    return time_utc[:16].replace("T", " ")


def pluralize(number: int, noun: str) -> str:
    """Return `1 session` or `12 sessions`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def join_with_and(names: Sequence[str]) -> str:
    """Return `a`, `a and b` or `a, b and c`; "" without names."""
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last


def capitalize_first(text: str) -> str:
    """Return `text` with its first letter as a capital and the rest unchanged."""
    return text[:1].upper() + text[1:]


def anchor_words(text: str) -> str:
    """Return the letters and digits of a text, joined as the name of an anchor."""
    return NO_WORD.sub("-", text.lower()).strip("-")


def margin_phrase(design: Design | None) -> str:
    """Return ` within 1 %`, to follow "equivalent"; empty without a design."""
    return f" within {design.equivalence_percent:g} %" if design else ""


def verdict_word(verdict: str, metric: str) -> str:
    """Return the verdict; where the metric is a rate, `higher` for faster and `lower` for slower."""
    is_rate = metric in METRICS and METRICS[metric].is_rate
    return RATE_WORDS.get(verdict, verdict) if is_rate else verdict


def direction_phrase(verdict: str, metric: str) -> str:
    """Return the verdict; where the metric is a rate, `higher in capacity` for faster."""
    word = verdict_word(verdict, metric)
    return word if word == verdict else f"{word} in {METRICS[metric].label}"


def verdict_phrase(verdict: str | None, number: int, design: Design | None, metric: str = "") -> str:
    """Return a verdict on `number` effects: `is faster`, `are equivalent within 1 %`, `agree`, `has no verdict`."""
    if verdict is None:
        return "has no verdict" if number == 1 else "have no verdict"
    if verdict == "cannot be decided":
        return verdict
    if verdict in ("agree", "differ"):
        return f"{verdict}s" if number == 1 else verdict
    margin = margin_phrase(design) if verdict == "equivalent" else ""
    return f"{'is' if number == 1 else 'are'} {direction_phrase(verdict, metric)}{margin}"


def verdict_clause(
    effect: ArmEffect, design: Design | None, subject: str, against: str = "", named: bool = True
) -> str:
    """Return the verdict on an effect with its size, as a clause. Without `against` the reference goes without saying.

    `named`: the interval is called so.
    """
    verdict, interval = getattr(effect, "verdict", None), percent_interval(effect)
    words = VERDICT_CLAUSES[verdict if interval else None]
    return words.format(
        subject=subject,
        faster=direction_phrase("faster", effect.metric),
        slower=direction_phrase("slower", effect.metric),
        than=f" than {against}" if against else "",
        to=f" to {against}" if against else "",
        against=against or effect.against,
        margin=margin_phrase(design),
        size=size_with_interval(interval, named=named) if interval else "",
        interval=percent_with_interval(interval, named=named) if interval else "",
        why=effect.why.rstrip("."),
    )


def verdict_counts(verdicts: Sequence[str | None], design: Design | None) -> str:
    """Return `11 are faster, 4 are equivalent within 1 % and 1 is undecided`."""
    numbers = {verdict: verdicts.count(verdict) for verdict in VERDICTS if verdict in verdicts}
    return join_with_and([f"{number} {verdict_phrase(verdict, number, design)}" for verdict, number in numbers.items()])


def typeset_numbers(text: str) -> str:
    """Return prose with minus signs and no break before units. Not for text that is shown as code."""
    return SPACE_BEFORE_UNIT.sub(NO_BREAK, MINUS_SIGN_PLACE.sub("\N{MINUS SIGN}", text))
