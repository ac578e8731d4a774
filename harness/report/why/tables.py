"""Counters and waterfalls as rows of cells, for every kind of report."""

from collections.abc import Iterator, Sequence

from harness.model import ROLES, Amount, Explanation, Summary, Waterfall
from harness.report.why.words import counter_name, level, rate, us

ABSENT = "-"
# What a terminal shows; the other reports show everything.
CHIEF = (
    "client.cpu_us", "nginx.cpu_us", "app.cpu_us", "client.wait_us", "nginx.wait_us", "app.wait_us",
    "nginx.voluntary", "app.voluntary", "nginx.syscalls", "app.syscalls",
    "hop.active_opens", "hop.passive_opens", "net.segments_out", "host.net_rx", "host.rescheduling",
)  # fmt: skip

Row = tuple[str, ...]


def asked(summary: Summary) -> list[Explanation]:
    """Not of a control, nor of a ladder, whose own section has what was counted of each step.

    Where there are arms of the full chain, not of its parts, which are there to explain it.
    """
    if summary.ladders:
        return []
    no_control = [one for one in summary.explanations if summary.arms[one.arm].control_of is None]
    full = [one for one in no_control if summary.arms[one.arm].settings.get("chain", "full") == "full"]
    return full or no_control


def difference_tables(summary: Summary) -> Iterator[tuple[Row, list[Row]]]:
    """(header, rows) for each reference: every difference in time as the sum of its parts."""
    groups: dict[str, list[Explanation]] = {}
    for one in asked(summary):
        groups.setdefault(one.against, []).append(one)
    for against, group in groups.items():
        yield (f"us per request against {against}", *(one.arm for one in group)), list(_part_rows(group))


def _part_rows(group: Sequence[Explanation]) -> Iterator[Row]:
    yield ("time", *(_us(one.time_us) for one in group))
    yield ("= CPU time", *(_us(one.cpu_total_us) for one in group))
    for role in ROLES:
        if any(role in one.cpu_us for one in group):
            yield (f"    {role}", *(_us(one.cpu_us.get(role)) for one in group))
    if any(one.waiting_total_us for one in group):
        yield ("+ waiting for a CPU", *(_us(one.waiting_total_us) for one in group))
    yield ("+ the rest", *(_us(one.rest_us) for one in group))


def _us(amount: Amount | None) -> str:
    """The table's head has the unit."""
    return us(amount).replace(" us", "") if amount else ABSENT


def counter_rows(summary: Summary, *, chief: bool = False) -> tuple[Row, list[Row]]:
    """(header, rows): each counter, per request, of each arm; only the `chief` ones, or all with their intervals."""
    arms = [name for name, arm in summary.arms.items() if not chief or arm.control_of is None]
    by_name = {one.name: one for one in summary.counters}
    shown = [by_name[name] for name in CHIEF if name in by_name] if chief else list(summary.counters)
    told = _rate if chief else _rate_with_interval
    return ("per request", *arms), [
        (counter_name(one.name), *(told(one.arms.get(arm)) for arm in arms))
        for one in shown
        if any(map(_seen, one.arms.values()))
    ]


def _rate(amount: Amount | None) -> str:
    return rate(amount.value) if amount else ABSENT


def _rate_with_interval(amount: Amount | None) -> str:
    if amount is None or amount.low is None or amount.high is None:
        return _rate(amount)
    return f"{rate(amount.value)} ±{rate((amount.high - amount.low) / 2)}"


def _seen(amount: Amount) -> bool:
    return amount.value != 0


def waterfall_rows(one: Waterfall) -> list[Row]:
    """(part, us) from the floor to the full chain."""
    return [
        *((part.name, level(part.us).replace(" us", "")) for part in one.parts),
        ("the parts together", f"{one.sum_us:.0f}"),
        ("the full chain, as measured", level(one.total_us).replace(" us", "")),
    ]
