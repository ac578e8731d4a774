"""Names of rungs and ladders, and differences in the words that ladders need."""

from collections.abc import Sequence

from harness.model import Climb, Difference, Ladder, LadderStep, Together
from harness.report.wording import decimals, difference, percent_of, signed, us_of

OF_SERVERS = {
    "cpu_us": "CPU us\nnginx + app",
    "waiting_us": "waiting us\nnginx + app",
    "switches": "switches\nnginx + app",
}
OF_NETWORK = {
    "segments": "TCP segments\nsent",
    "lo_packets": "packets\non lo",
    "link_packets": "packets\non links",
    "softirqs": "network\nsoftirqs",
}

NO_NUMBER = "no number"


def title(ladder: Ladder) -> str:
    """`tcp`, `tcp, upstream_keepalive 16`."""
    return ", ".join([ladder.transport, *(f"{key} {level}" for key, level in ladder.where.items())])


def rung_name(one: Climb) -> str:
    """`veth`; of several at once, the name of their arm."""
    return one.rungs[0] if len(one.rungs) == 1 else one.arm


def whole(ladder: Ladder) -> Together | None:
    """What comes nearest to a container: the arm with the most rungs at once."""
    return max(ladder.together, key=lambda one: len(one.measured.rungs), default=None)


def in_the_sum(ladder: Ladder) -> list[LadderStep]:
    """The steps that lead to the whole; all of them where there is none, or no sum."""
    found = whole(ladder)
    return [one for one in ladder.steps if not (found and found.parts) or one.arm in found.parts]


def in_us(one: Difference) -> str:
    """`+13 us (10 to 16)`, or `no number` without an interval."""
    estimate = us_of(one)
    if estimate is None:
        return NO_NUMBER
    places = decimals(estimate.half_width, 0)
    value, low, high = (signed(number, places) for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} us ({low} to {high})"


def in_percent(one: Difference, *, named: bool = False) -> str:
    estimate = percent_of(one)
    return difference(estimate, named=named) if estimate else NO_NUMBER


def brief_us(one: Difference) -> str:
    """`13 us`, with its sign only where it is a saving."""
    estimate = us_of(one)
    return f"{signed(estimate.value, decimals(estimate.half_width, 0)).lstrip('+')} us" if estimate else NO_NUMBER


def count(value: float) -> str:
    """Events or microseconds more or less: `+12.1`, `-0.05`."""
    return signed(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def share(part: Difference, of: Difference | None) -> str:
    """` (36 % of it)`: nothing where either may be none, or where they are of opposite sign."""
    mine, whole_us = us_of(part), us_of(of) if of else None
    if not mine or not whole_us or not (mine.excludes_zero and whole_us.excludes_zero):
        return ""
    percent = 100 * mine.value / whole_us.value
    return f" ({percent:.0f} % of it)" if 0 < percent <= 100 else ""


def by_size(steps: Sequence[LadderStep]) -> list[LadderStep]:
    return sorted(steps, key=lambda one: -abs(one.us or 0))
