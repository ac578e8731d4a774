"""Counters and waterfalls as rows of cells, for every kind of report."""

from collections.abc import Sequence

from harness.model import Amount, Counter, Summary, Waterfall
from harness.report.why.words import counter_name, level, rate

ABSENT = "-"
# What a terminal shows; the other reports show everything.
CHIEF = (
    "client.cpu_us", "nginx.cpu_us", "app.cpu_us", "client.wait_us", "nginx.wait_us", "app.wait_us",
    "nginx.voluntary", "app.voluntary", "nginx.syscalls", "app.syscalls",
    "hop.active_opens", "hop.passive_opens", "net.segments_out", "host.net_rx", "host.rescheduling",
)  # fmt: skip

Row = tuple[str, ...]


def counter_rows(summary: Summary, *, chief: bool = False) -> tuple[Row, list[Row]]:
    """(header, rows): each counter, per request, of each arm; only the `chief` ones, or all."""
    arms = [name for name, arm in summary.arms.items() if not chief or arm.control_of is None]
    shown = [one for one in summary.counters if not chief or one.name in CHIEF]
    return ("per request", *arms), [_row(one, arms) for one in shown if any(map(_seen, one.arms.values()))]


def _row(one: Counter, arms: Sequence[str]) -> Row:
    return (counter_name(one.name), *(rate(one.arms[arm].value) if arm in one.arms else ABSENT for arm in arms))


def _seen(amount: Amount) -> bool:
    return amount.value != 0


def waterfall_rows(one: Waterfall) -> list[Row]:
    """(part, us) from the floor to the full chain."""
    return [
        *((part.name, level(part.us)) for part in one.parts),
        ("the parts together", f"{one.sum_us:.0f} us"),
        ("the full chain, as measured", level(one.total_us)),
    ]
