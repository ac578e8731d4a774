"""Tables of causes, as rows of text: parts of differences, counters and waterfalls."""

from collections.abc import Iterator, Sequence

from harness.model import ROLES, Amount, Explanation, Summary, Waterfall
from harness.report.why.words import counter_name, level, rate, us

ABSENT = "-"
# Counters that the terminal shows; the other formats show all.
CHIEF = (
    "client.cpu_us", "nginx.cpu_us", "app.cpu_us", "client.wait_us", "nginx.wait_us", "app.wait_us",
    "nginx.voluntary", "app.voluntary", "nginx.syscalls", "app.syscalls",
    "hop.active_opens", "hop.passive_opens", "net.segments_out", "host.net_rx", "host.rescheduling",
)  # fmt: skip

TextRow = tuple[str, ...]


def asked(summary: Summary) -> list[Explanation]:
    """Return the explanations to show: none of controls or ladders, and of the full chain only if there is one."""
    if summary.ladders:
        return []
    no_control = [
        explanation for explanation in summary.explanations if summary.arms[explanation.arm].control_of is None
    ]
    full = [
        explanation
        for explanation in no_control
        if summary.arms[explanation.arm].settings.get("chain", "full") == "full"
    ]
    return full or no_control


def difference_tables(summary: Summary) -> Iterator[tuple[TextRow, list[TextRow]]]:
    """Yield (header, rows) for each reference: each difference in time as the sum of its parts."""
    groups: dict[str, list[Explanation]] = {}
    for explanation in asked(summary):
        groups.setdefault(explanation.against, []).append(explanation)
    for against, group in groups.items():
        yield (
            (f"us per request against {against}", *(explanation.arm for explanation in group)),
            list(_part_rows(group)),
        )


def _part_rows(group: Sequence[Explanation]) -> Iterator[TextRow]:
    yield ("time", *(_us_cell(explanation.time_us) for explanation in group))
    yield ("= CPU time", *(_us_cell(explanation.cpu_total_us) for explanation in group))
    for role in ROLES:
        if any(role in explanation.cpu_us for explanation in group):
            yield (f"    {role}", *(_us_cell(explanation.cpu_us.get(role)) for explanation in group))
    if any(explanation.waiting_total_us for explanation in group):
        yield ("+ waiting for a CPU", *(_us_cell(explanation.waiting_total_us) for explanation in group))
    yield ("+ the rest", *(_us_cell(explanation.rest_us) for explanation in group))


def _us_cell(amount: Amount | None) -> str:
    """Return the amount without its unit, which the header has."""
    return us(amount).replace(" us", "") if amount else ABSENT


def counter_rows(summary: Summary, *, chief: bool = False) -> tuple[TextRow, list[TextRow]]:
    """Return (header, rows) of counters per request of each arm: the `chief` ones, or all with intervals."""
    arms = [name for name, arm in summary.arms.items() if not chief or arm.control_of is None]
    by_name = {counter.name: counter for counter in summary.counters}
    counters = [by_name[name] for name in CHIEF if name in by_name] if chief else list(summary.counters)
    cell = _rate_cell if chief else _rate_cell_with_interval
    return ("per request", *arms), [
        (counter_name(counter.name), *(cell(counter.arms.get(arm)) for arm in arms))
        for counter in counters
        if any(amount.value for amount in counter.arms.values())
    ]


def _rate_cell(amount: Amount | None) -> str:
    return rate(amount.value) if amount else ABSENT


def _rate_cell_with_interval(amount: Amount | None) -> str:
    if amount is None or amount.low is None or amount.high is None:
        return _rate_cell(amount)
    return f"{rate(amount.value)} ±{rate((amount.high - amount.low) / 2)}"


def waterfall_rows(waterfall: Waterfall) -> list[TextRow]:
    """Return (part, us) from the floor to the full chain."""
    return [
        *((part.name, level(part.us).replace(" us", "")) for part in waterfall.parts),
        ("sum of the parts", f"{waterfall.sum_us:.0f}"),
        ("full chain, measured", level(waterfall.total_us).replace(" us", "")),
    ]
