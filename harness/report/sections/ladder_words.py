"""Names of rungs and their parts in words."""

from collections.abc import Sequence

from harness.model import ArmEffect, LadderStep
from harness.report.format import (
    NO_NUMBER,
    format_signed,
    interval_numbers,
    us_interval,
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
