"""Names of rungs and their parts in words."""

from collections.abc import Sequence

from harness.model import ArmEffect, CombinedRungs, Ladder, LadderStep, RungEffect
from harness.report.format import (
    format_signed,
    interval_numbers,
    percent_interval,
    percent_with_interval,
    us_interval,
    us_with_interval,
)

SERVER_COUNTERS = {
    "cpu_us": "CPU us\nnginx + app",
    "waiting_us": "waiting us\nnginx + app",
    "switches": "switches\nnginx + app",
}
NETWORK_COUNTERS = {
    "segments": "TCP segments\nsent",
    "lo_packets": "packets\non lo",
    "link_packets": "packets\non links",
    "softirqs": "network\nsoftirqs",
}

NO_NUMBER = "no number"


def ladder_title(ladder: Ladder) -> str:
    """Return `tcp` or `tcp, upstream_keepalive 16`."""
    return ", ".join([ladder.transport, *(f"{key} {level}" for key, level in ladder.where.items())])


def rung_name(climb: RungEffect) -> str:
    """Return the name of the rung, or of the arm if it has several rungs."""
    return climb.rungs[0] if len(climb.rungs) == 1 else climb.arm


def largest_bundle(ladder: Ladder) -> CombinedRungs | None:
    """Return the arm with the most rungs at once, which is closest to a container."""
    return max(ladder.together, key=lambda bundle: len(bundle.measured.rungs), default=None)


def summed_steps(ladder: Ladder) -> list[LadderStep]:
    """Return the steps that make up the whole; all steps if there is no whole or no sum."""
    bundle = largest_bundle(ladder)
    return [step for step in ladder.steps if not (bundle and bundle.parts) or step.arm in bundle.parts]


def us_text(effect: ArmEffect) -> str:
    """Return `+13 us (+10 to +16)`, or `no number` without an interval."""
    interval = us_interval(effect)
    return us_with_interval(interval) if interval else NO_NUMBER


def percent_text(effect: ArmEffect, *, named: bool = False) -> str:
    """Return `+3.1 % (+2.6 to +3.6)`, or `no number` without an interval."""
    estimate = percent_interval(effect)
    return percent_with_interval(estimate, named=named) if estimate else NO_NUMBER


def short_us_text(effect: ArmEffect) -> str:
    """Return `13 us`, or `-13 us` for a saving."""
    estimate = us_interval(effect)
    return f"{interval_numbers(estimate, 0)[0].lstrip('+')} us" if estimate else NO_NUMBER


def format_count(value: float) -> str:
    """Return a difference in events or microseconds: `+12.1`, `-0.05`."""
    return format_signed(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def share_text(part: ArmEffect, total: ArmEffect | None) -> str:
    """Return `, 36 %`: the share of `total`; empty if either may be zero or the signs differ."""
    mine, whole_us = us_interval(part), us_interval(total) if total else None
    if not mine or not whole_us or not (mine.excludes_zero and whole_us.excludes_zero):
        return ""
    percent = 100 * mine.value / whole_us.value
    return f", {percent:.0f} %" if 0 < percent <= 100 else ""


def sort_by_size(steps: Sequence[LadderStep]) -> list[LadderStep]:
    """Return the steps with the largest effect first."""
    return sorted(steps, key=lambda step: -abs(step.us or 0))
