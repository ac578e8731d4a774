"""Names of rungs, ladders and counters, and effects of rungs as text."""

from collections.abc import Sequence

from harness.model import Climb, Difference, Ladder, LadderStep, Together
from harness.report.wording import difference, interval_numbers, percent_of, signed, us_of, us_with_interval

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
    """Return `tcp` or `tcp, upstream_keepalive 16`."""
    return ", ".join([ladder.transport, *(f"{key} {level}" for key, level in ladder.where.items())])


def rung_name(climb: Climb) -> str:
    """Return the name of the rung, or of the arm if it has several rungs."""
    return climb.rungs[0] if len(climb.rungs) == 1 else climb.arm


def whole(ladder: Ladder) -> Together | None:
    """Return the arm with the most rungs at once, which is closest to a container."""
    return max(ladder.together, key=lambda bundle: len(bundle.measured.rungs), default=None)


def in_the_sum(ladder: Ladder) -> list[LadderStep]:
    """Return the steps that make up the whole; all steps if there is no whole or no sum."""
    bundle = whole(ladder)
    return [step for step in ladder.steps if not (bundle and bundle.parts) or step.arm in bundle.parts]


def in_us(effect: Difference) -> str:
    """Return `+13 us (+10 to +16)`, or `no number` without an interval."""
    interval = us_of(effect)
    return us_with_interval(interval) if interval else NO_NUMBER


def in_percent(effect: Difference, *, named: bool = False) -> str:
    """Return `+3.1 % (+2.6 to +3.6)`, or `no number` without an interval."""
    estimate = percent_of(effect)
    return difference(estimate, named=named) if estimate else NO_NUMBER


def brief_us(effect: Difference) -> str:
    """Return `13 us`, or `-13 us` for a saving."""
    estimate = us_of(effect)
    return f"{interval_numbers(estimate, 0)[0].lstrip('+')} us" if estimate else NO_NUMBER


def count(value: float) -> str:
    """Return a difference in events or microseconds: `+12.1`, `-0.05`."""
    return signed(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def share(part: Difference, total: Difference | None) -> str:
    """Return `, 36 %`: the share of `total`; empty if either may be zero or the signs differ."""
    mine, whole_us = us_of(part), us_of(total) if total else None
    if not mine or not whole_us or not (mine.excludes_zero and whole_us.excludes_zero):
        return ""
    percent = 100 * mine.value / whole_us.value
    return f", {percent:.0f} %" if 0 < percent <= 100 else ""


def by_size(steps: Sequence[LadderStep]) -> list[LadderStep]:
    """Return the steps with the largest effect first."""
    return sorted(steps, key=lambda step: -abs(step.us or 0))
