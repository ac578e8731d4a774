"""The section on what a request waits for: who wakes whom, how long each then takes to run, and what is left."""

from collections.abc import Iterator, Sequence

from harness.model import ChainPart, Interval, RequestChain, Summary, WaitingComparison, WaitingDifference
from harness.report.document import Cell, Column, IntervalCell, NumberCell, Row, Section, Table, TextCell, VerdictCell
from harness.report.format import format_us_amount, format_us_level, join_with_and, pluralize
from harness.report.sections.why import MAX_COUNTER_COLUMNS, NO_VALUE, rate_cell_with_interval

METHOD = (
    "The scheduler was traced in untimed bursts. A request is followed back from its end: a thread runs since another "
    "thread woke it, which ran until then. What an interrupt does counts for the thread that it interrupts. CPU time "
    "is only that which delays the request, scaled from the traced to the timed bursts."
)
WAKEUP_NOTE = (
    "A wake-up takes from the moment at which a thread is woken to the moment at which it runs. In a virtual machine "
    "that includes the way of an idle CPU out of its halt."
)
REST_CAPTION = 'What "+ the rest" is made of'
QUANTITY_NAMES = {
    "median": "woken to running, median",
    "p99": "woken to running, p99",
    "off CPU": "off the CPU during a request",
}


def waiting_sections(summary: Summary) -> list[Section]:
    """Return the chains of the arms and the differences of the pairs, without those of controls."""
    chains = [chain for chain in summary.chains if summary.arms[chain.arm].control_of is None]
    if not chains:
        return []
    pairs = [pair for pair in summary.waiting if summary.arms[pair.arm].control_of is None]
    tables = [_chain_table(chains), _latency_table(chains)]
    notes = [*_sum_sentences(chains), *_tracing_sentences(chains), *_incomplete_sentences(chains)]
    differences = [_difference_table(pair) for pair in pairs if pair.differences]
    rest = [_rest_table(pairs)] if any(pair.rest_parts for pair in pairs) else []
    is_detail = len(chains) >= MAX_COUNTER_COLUMNS
    return [
        Section("What a request waits for", tables=tables, notes=[*notes, METHOD, WAKEUP_NOTE], is_detail=is_detail),
        Section("", tables=[*rest, *differences], notes=list(_control_sentences(summary)), is_detail=is_detail),
    ]


def part_name(part: ChainPart) -> str:
    """Return `nginx runs`, `client wakes nginx`, or what else it is."""
    if part.kind == "wake-up" and part.waker:
        return f"{part.waker} wakes {part.name}"
    return f"{part.name} runs" if part.kind == "cpu" else part.name


def _chain_table(chains: Sequence[RequestChain]) -> Table:
    amounts = [{part_name(part): part.us for part in chain.parts} for chain in chains]
    rows = [_row(name, [of_arm.get(name) for of_arm in amounts], is_inner=True) for name in _names(chains)]
    rows += [
        _row("sum of the parts", [chain.sum_us for chain in chains]),
        Row([TextCell("left"), *(IntervalCell(chain.left_us, "", 1) for chain in chains)]),
        _row("time of a request, as timed", [chain.request_us for chain in chains]),
        _row("time of a request, while traced", [chain.traced_us for chain in chains]),
    ]
    columns = [Column("us per request"), *(Column(chain.arm) for chain in chains)]
    return Table("The time of a typical request, from thread to thread", columns, rows)


def _names(chains: Sequence[RequestChain]) -> list[str]:
    """Return the names of all parts; those that only some arms have stand behind the part before them."""
    names: list[str] = []
    for chain in chains:
        place = 0
        for name in map(part_name, chain.parts):
            if name not in names:
                names.insert(place, name)
            place = names.index(name) + 1
    return names


def _row(name: str, amounts: Sequence[Interval | None], *, is_inner: bool = False) -> Row:
    return Row([TextCell(name), *map(_level_cell, amounts)], is_inner=is_inner)


def _level_cell(amount: Interval | None) -> NumberCell:
    number, _, half_width = rate_cell_with_interval(amount).partition(" ")
    return NumberCell(number, half_width)


def _latency_table(chains: Sequence[RequestChain]) -> Table:
    """Return the median and p99 of each wake-up in each arm."""
    links = {chain.arm: {part_name(part): part for part in chain.parts if part.median_us} for chain in chains}
    columns = [Column("wake-up, us")]
    for arm in links:
        columns += [Column("median", arm, arm), Column("p99", arm, arm)]
    rows = []
    for name in _names(chains):
        if any(name in of_arm for of_arm in links.values()):
            cells: list[Cell] = [TextCell(name)]
            for of_arm in links.values():
                part = of_arm.get(name)
                cells += [_level_cell(part.median_us), _level_cell(part.p99_us)] if part else [NumberCell(NO_VALUE)] * 2
            rows.append(Row(cells))
    return Table("From being woken to running", columns, rows)


def _difference_table(pair: WaitingComparison) -> Table:
    rows = [_difference_row(difference) for difference in pair.differences]
    columns = [
        Column("waiting"),
        Column("us per request", "95 % interval"),
        Column(pair.arm),
        Column(pair.against),
        Column("verdict"),
    ]
    return Table(f"{pair.arm} against {pair.against}: waiting by role", columns, rows)


def _difference_row(difference: WaitingDifference) -> Row:
    levels = (NumberCell(f"{us:.1f}") for us in (difference.arm_us, difference.against_us))
    name = TextCell(f"{difference.role}: {QUANTITY_NAMES[difference.quantity]}")
    return Row([name, IntervalCell(difference.us, "", 1), *levels, VerdictCell(difference.verdict)])


def _rest_table(pairs: Sequence[WaitingComparison]) -> Table:
    names = dict.fromkeys(name for pair in pairs for name in pair.rest_parts)
    rows = [Row([TextCell("the rest"), *(IntervalCell(pair.rest_us, "", 1) for pair in pairs)])]
    rows += [
        Row([TextCell(name), *(IntervalCell(pair.rest_parts.get(name), "", 1) for pair in pairs)], is_inner=True)
        for name in names
    ]
    columns = [Column("us per request"), *(Column(pair.arm, f"against {pair.against}") for pair in pairs)]
    return Table(REST_CAPTION, columns, rows)


def _sum_sentences(chains: Sequence[RequestChain]) -> Iterator[str]:
    """Yield whether CPU time and wake-ups add up to the time of a request, and by how much they do not."""
    known = [chain for chain in chains if chain.left_us.low is not None]
    if whole := [chain.arm for chain in known if chain.adds_up]:
        yield f"CPU time and wake-ups add up to the time of a request within its interval: {join_with_and(whole)}."
    for chain in known:
        if not chain.adds_up:
            yield (
                f"{chain.arm}: CPU time and wake-ups do not add up to the time of a request, "
                f"{format_us_level(chain.request_us)}: {format_us_amount(chain.left_us)} are left."
            )


def _tracing_sentences(chains: Sequence[RequestChain]) -> Iterator[str]:
    changes = [
        f"{chain.arm} {chain.traced_us.value:.0f} us instead of {chain.request_us.value:.0f} us" for chain in chains
    ]
    yield f"Tracing takes time itself. A request took, while traced: {join_with_and(changes)}."


def _incomplete_sentences(chains: Sequence[RequestChain]) -> Iterator[str]:
    incomplete, requests = (sum(getattr(chain, name) for chain in chains) for name in ("incomplete", "requests"))
    if incomplete:
        yield f"{incomplete} of {pluralize(requests, 'request')} could not be followed back to the start."


def _control_sentences(summary: Summary) -> Iterator[str]:
    for pair in summary.waiting:
        if summary.arms[pair.arm].control_of is not None:
            different = sum(difference.verdict in ("less", "more") for difference in pair.differences)
            yield (
                f"Control: {different} of {pluralize(len(pair.differences), 'difference')} in waiting between "
                f"{pair.arm} and {pair.against}, which are the same."
            )
