"""The section that explains differences, and the names of counters in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.model import (
    ROLES,
    ArmUtilisation,
    Bottleneck,
    ConnectionSetup,
    CounterSummary,
    Evidence,
    Explanation,
    Interval,
    Plausibility,
    Summary,
    Waterfall,
)
from harness.report.document import Column, NumberCell, Row, Section, Table, TextCell
from harness.report.figures.style import arm_styles
from harness.report.figures.waterfalls import waterfall_figure
from harness.report.format import (
    amount_interval,
    format_signed,
    format_us_amount,
    format_us_level,
    join_with_and,
    percent_with_interval,
)
from harness.report.sections.profile import PROFILE_HEADING

REST_NOTE = (
    "The rest is the part of the difference that CPU time and waiting for a CPU do not explain. Negative: fewer "
    "wake-ups, idle CPUs and interrupts. Positive: CPU time was saved off the critical path (connection teardown after "
    "the response, work overlapped between two processes)."
)
WATERFALL_NOTE = (
    "The floor is a minimal Python client and server over the bare transport, so it includes their own time. The parts "
    "of a waterfall add up to the full chain; time that no part explains is in the rest."
)
FUNCTIONS_NOTE = f'The functions in which nginx, the app and the client spend CPU time are under "{PROFILE_HEADING}".'
EVIDENCE_PHRASES: Mapping[Evidence, str] = {
    "nothing": "the timing is undecided, so there is nothing to explain",
    "timing only": "supported by the timing only",
    "timing and CPU": "supported by timing and CPU time",
    "timing, CPU and counts": "supported by timing, CPU time and counters",
}
OWN_COUNTER = ".counters."  # in the names of counters of the experiment
NEGLIGIBLE_PERCENT = 1.0
NO_VALUE = "-"
MAX_COUNTER_COLUMNS = 6  # of the main counters; a terminal does not show more
# Counters that the terminal shows; the other formats show all.
TERMINAL_COUNTERS = (
    "client.cpu_us", "nginx.cpu_us", "app.cpu_us", "client.wait_us", "nginx.wait_us", "app.wait_us",
    "nginx.voluntary", "app.voluntary", "nginx.syscalls", "app.syscalls",
    "hop.active_opens", "hop.passive_opens", "net.segments_out", "net.ip6_packets", "net.mptcp_acks",
    "host.net_rx", "host.rescheduling",
)  # fmt: skip

TextRow = tuple[str, ...]

COUNTER_NAMES = {
    "hop.active_opens": "TCP connections opened on the hop",
    "hop.passive_opens": "TCP connections accepted on the hop",
    "net.active_opens": "TCP connections opened, client included",
    "net.passive_opens": "TCP connections accepted, client included",
    "net.segments_in": "TCP segments received",
    "net.segments_out": "TCP segments sent",
    "net.retransmits": "TCP segments retransmitted",
    "net.delayed_acks": "delayed acknowledgements",
    "net.time_wait": "connections in TIME_WAIT",
    "net.listen_overflows": "listen queue overflows",
    "net.lo_packets": "packets on the loopback interface",
    "net.lo_bytes": "bytes on the loopback interface",
    "net.ip6_packets": "IPv6 packets",
    "net.mptcp_syns": "Multipath TCP connections requested",
    "net.mptcp_acks": "Multipath TCP connections established",
    "net.link_packets": "packets on the rung's links and bridge",
    "host.net_rx": "network softirqs",
    "host.rescheduling": "rescheduling interrupts",
    "host.steal_us": "stolen CPU time, us",
    "host.pressure_us": "tasks waiting for a CPU (PSI), us",
}
ROLE_COUNTER_NAMES = {
    "cpu_us": "CPU time, us",
    "wait_us": "waiting for a CPU, us",
    "user_us": "user time, us",
    "system_us": "system time, us",
    "voluntary": "voluntary switches",
    "involuntary": "involuntary switches",
    "migrations": "migrations",
    "syscalls": "system calls",
    "cycles": "CPU cycles",
    "instructions": "instructions",
    "cache_misses": "cache misses",
}


def why_sections(summary: Summary) -> list[Section]:
    """Return the parts of the differences, the causes, the waterfalls and the main counters."""
    sentences = cause_sentences(summary)
    tables = [_table(*table, "The difference, part by part") for table in difference_tables(summary)]
    waterfalls = [
        _table(("part", "us per request"), waterfall_rows(waterfall), f"Where the time of {waterfall.arm} goes")
        for waterfall in summary.waterfalls
    ]
    styles = arm_styles(summary)
    figures = [waterfall_figure(waterfall, styles[waterfall.arm]) for waterfall in summary.waterfalls]
    counters = _table(*counter_rows(summary, chief=True), "Counters, mean over sessions")
    sections = [
        Section("Why", tables=tables, notes=sentences),
        Section("", tables=waterfalls, figures=figures),
        Section("", tables=[counters] if counters.rows else [], is_detail=len(counters.columns) > MAX_COUNTER_COLUMNS),
    ]
    return [section for section in sections if section.tables or section.notes]


def counter_sections(summary: Summary) -> list[Section]:
    """Return all counters, folded, if any were read."""
    caption = "Per request, mean over sessions; TCP and interrupts of the whole machine"
    table = _table(*counter_rows(summary), caption)
    return [Section("All counters", tables=[table], is_detail=True)] if table.rows else []


def _table(header: TextRow, rows: Sequence[TextRow], caption: str = "") -> Table:
    return Table(
        caption,
        [Column(title) for title in header],
        [
            Row([TextCell(name.strip()), *map(_number_cell, numbers)], is_inner=name.startswith(" "))
            for name, *numbers in rows
        ],
    )


def _number_cell(text: str) -> NumberCell:
    """Return the cell of `-34 (-48 to -19)` or `20.1 ±0.3`; the interval is its lesser part."""
    number, _, interval = text.partition(" ")
    return NumberCell(number, interval.strip("()"))


def cause_sentences(summary: Summary) -> list[str]:
    """Return all sentences on causes; empty if nothing was counted."""
    counters = {counter.name: counter for counter in summary.counters}
    explanations = [explanation for explanation in shown_explanations(summary) if explanation.evidence != "nothing"]
    return [
        *([REST_NOTE] if shown_explanations(summary) else []),
        *(_explanation_text(explanation, counters) for explanation in explanations),
        *map(_setup_sentence, summary.setups),
        *([WATERFALL_NOTE] if summary.waterfalls else []),
        *([FUNCTIONS_NOTE] if summary.profiles and (summary.waterfalls or shown_explanations(summary)) else []),
        *_bottleneck_sentences(summary),
        *_counting_cost(summary),
        *summary.unseen,
    ]


def _explanation_text(explanation: Explanation, counters: Mapping[str, CounterSummary]) -> str:
    sentences = [
        _evidence_sentence(explanation),
        *_counter_sentences(explanation, counters),
        *_plausibility_sentence(explanation),
    ]
    return f"{explanation.arm} against {explanation.against}: {' '.join(sentences)}"


def _evidence_sentence(explanation: Explanation) -> str:
    text = EVIDENCE_PHRASES[explanation.evidence]
    if explanation.evidence == "timing only":
        text += "; the servers' CPU time " + ("is undecided" if explanation.cpu_agrees is None else "contradicts it")
    return f"{text}."


def _counter_sentences(explanation: Explanation, counters: Mapping[str, CounterSummary]) -> Iterator[str]:
    if explanation.agree:
        yield f"Per request: {_counter_changes(explanation, explanation.agree, counters)}."
    if explanation.oppose:
        yield f"Contradicting: {_counter_changes(explanation, explanation.oppose, counters)}."


def _counter_changes(explanation: Explanation, names: Sequence[str], counters: Mapping[str, CounterSummary]) -> str:
    return ", ".join(counter_change(explanation, counters[name]) for name in names)


def counter_change(explanation: Explanation, counter: CounterSummary) -> str:
    """Return `TCP segments sent 10.0 instead of 22.0`."""
    ours, theirs = (format_per_request(_arm_value(counter, arm)) for arm in (explanation.arm, explanation.against))
    return f"{counter_name(counter.name)} {ours} instead of {theirs}"


def _arm_value(counter: CounterSummary, arm: str) -> float:
    return counter.arms[arm].value


def _plausibility_sentence(explanation: Explanation) -> Iterator[str]:
    if explanation.floor_us is None or explanation.exchange_us is None:
        return
    source = (
        " (from an earlier barehop floor, connection setup and teardown included)"
        if explanation.floor_is_earlier
        else ""
    )
    floor, exchange = f"{format_us_amount(explanation.floor_us)}{source}", f"{explanation.exchange_us:.0f} us"
    phrases: Mapping[Plausibility, str] = {
        "plausible": f"Plausible: the bare transports, without nginx and the app, differ by {floor}.",
        "beyond the floor": (
            f"The bare transports, without nginx and the app, differ by {floor}: nginx and the app cause the rest of "
            f"the difference. A whole exchange takes {exchange}."
        ),
        "the other way": (
            f"Opposite sign to the bare transports, which differ by {floor}: caused by nginx and the app or by the "
            "placement."
        ),
        "implausible": (
            f"Not plausible: the bare transports, without nginx and the app, differ by {floor}, and a whole exchange "
            f"takes {exchange}. The excess is noise or placement, not the transport."
        ),
    }
    if explanation.plausibility in phrases:
        yield phrases[explanation.plausibility]


def _setup_sentence(setup: ConnectionSetup) -> str:
    return (
        f"With keepalive connections{_opened_connections(setup)} the difference changes from "
        f"{format_us_amount(setup.without_us)} "
        f"({setup.arm} against {setup.against}) to {format_us_amount(setup.kept_us)} ({setup.kept_arm} against "
        f"{setup.kept_against}). Connection setup accounts for "
        f"{format_us_amount(setup.setup_us)}{share_clause(setup.setup_us, setup.without_us)}.{_cpu_of_setup(setup)}"
    )


def _opened_connections(setup: ConnectionSetup) -> str:
    if setup.opens is None or setup.kept_opens is None:
        return ""
    fall = f"from {format_per_request(setup.opens.value)} to {format_per_request(setup.kept_opens.value)}"
    return f", TCP connections opened on the hop fall {fall} per request and"


def _cpu_of_setup(setup: ConnectionSetup) -> str:
    if setup.without_cpu_us is None or setup.kept_cpu_us is None or setup.setup_cpu_us is None:
        return ""
    share = share_clause(setup.setup_cpu_us, setup.without_cpu_us)
    without, kept = format_us_amount(setup.without_cpu_us), format_us_amount(setup.kept_cpu_us)
    return f" In CPU time: {without} without, {kept} with; {format_us_amount(setup.setup_cpu_us)}{share}."


def share_clause(part: Interval, whole: Interval) -> str:
    """Return `, 85 % of it`; empty if either may be zero or the signs differ."""
    share = part.value / whole.value if whole.excludes_zero and part.excludes_zero else 0.0
    if share > 1:
        return ", all of it"
    return f", {100 * share:.0f} % of it" if share > 0 else ""


def _bottleneck_sentences(summary: Summary) -> Iterator[str]:
    """Yield one sentence for all arms with the same bottleneck, without those that external tools visited."""
    groups: dict[tuple[Bottleneck, tuple[str, ...], str], list[ArmUtilisation]] = {}
    for load in summary.loads:
        meaning = _bound_meaning(load, summary.arms[load.arm].settings)
        groups.setdefault((load.bound, tuple(load.together), meaning), []).append(load)
    for (bound, together, meaning), same in groups.items():
        subject = "all arms" if len(same) == len(summary.arms) else join_with_and([load.arm for load in same])
        sharing = f" {join_with_and(together)} share saturated CPUs." if together else ""
        yield f"Bottleneck of {subject}: {bound} ({_utilisation(same)}).{sharing}{meaning}"


def _bound_meaning(load: ArmUtilisation, settings: Mapping[str, Any]) -> str:
    bound, together = load.bound, load.together
    if bound == "latency-bound" and settings.get("p99_limit_ms"):
        return " No CPU is saturated on average over the rates of the search."
    if bound == "latency-bound" and settings.get("rate"):
        return " No CPU is saturated: the rate is below what the servers can answer."
    if bound == "latency-bound" and settings.get("connections", 1) > 1:
        return " No CPU is saturated, so requests/s does not indicate capacity."
    if bound == "latency-bound":
        return " No CPU is saturated because requests run one at a time, so requests/s does not indicate capacity."
    if bound == "client-bound" or "client" in together:
        return " The client is the bottleneck, so throughput of the servers is not reported."
    return ""


def _utilisation(loads: Sequence[ArmUtilisation]) -> str:
    roles = dict.fromkeys(role for load in loads for role in load.utilisation)
    return ", ".join(
        f"{role} {_percent_range([load.utilisation[role] for load in loads if role in load.utilisation])} busy"
        for role in roles
    )


def _percent_range(shares: Sequence[float]) -> str:
    low, high = f"{100 * min(shares):.0f}", f"{100 * max(shares):.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _counting_cost(summary: Summary) -> Iterator[str]:
    cost = summary.counting_percent
    if cost:
        negligible = ", which is negligible (within 1 %)" if _lies_within(cost, NEGLIGIBLE_PERCENT) else ""
        yield (
            f"Reading the counters between visits changed the time of a request by {_percent(cost)}{negligible}; it "
            "affects all arms of a round equally and so cancels out of every difference."
        )


def _lies_within(amount: Interval, margin: float) -> bool:
    return amount.low is not None and amount.high is not None and -margin < amount.low <= amount.high < margin


def _percent(amount: Interval) -> str:
    interval = amount_interval(amount)
    return percent_with_interval(interval) if interval else f"{format_signed(amount.value, 1)} %"


def shown_explanations(summary: Summary) -> list[Explanation]:
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
    for explanation in shown_explanations(summary):
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


def _us_cell(amount: Interval | None) -> str:
    """Return the amount without its unit, which the header has."""
    return format_us_amount(amount).replace(" us", "") if amount else NO_VALUE


def counter_rows(summary: Summary, *, chief: bool = False) -> tuple[TextRow, list[TextRow]]:
    """Return (header, rows) of counters per request of each arm: the `chief` ones, or all with intervals."""
    arms = [name for name, arm in summary.arms.items() if not chief or arm.control_of is None]
    by_name = {counter.name: counter for counter in summary.counters}
    counters = [by_name[name] for name in TERMINAL_COUNTERS if name in by_name] if chief else list(summary.counters)
    cell = _rate_cell if chief else rate_cell_with_interval
    return ("per request", *arms), [
        (counter_name(counter.name), *(cell(counter.arms.get(arm)) for arm in arms))
        for counter in counters
        if any(amount.value for amount in counter.arms.values())
    ]


def _rate_cell(amount: Interval | None) -> str:
    return format_per_request(amount.value) if amount else NO_VALUE


def rate_cell_with_interval(amount: Interval | None) -> str:
    """Return `10.4 ±0.2`, or a dash."""
    if amount is None or amount.low is None or amount.high is None:
        return _rate_cell(amount)
    return f"{format_per_request(amount.value)} ±{format_per_request((amount.high - amount.low) / 2)}"


def waterfall_rows(waterfall: Waterfall) -> list[TextRow]:
    """Return (part, us) from the floor to the full chain."""
    return [
        *((part.name, format_us_level(part.us).replace(" us", "")) for part in waterfall.parts),
        ("sum of the parts", f"{waterfall.sum_us:.0f}"),
        ("full chain, measured", format_us_level(waterfall.total_us).replace(" us", "")),
    ]


def counter_name(name: str) -> str:
    """Return `nginx: waiting for a CPU, us`, `app: recvfrom()` or `whole machine: retransmits`."""
    role, _, what = name.partition(".")
    if name in COUNTER_NAMES:
        return COUNTER_NAMES[name]
    if OWN_COUNTER in name:
        return name.replace(OWN_COUNTER, ": ").replace("host: ", "whole machine: ")
    return f"{role}: {ROLE_COUNTER_NAMES.get(what) or what.removeprefix('syscalls.') + '()'}"


def format_per_request(value: float) -> str:
    """Return events or microseconds per request: `20.1`, `0.003`."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    text = f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text if float(text) or not value else f"{value:.4f}"
