"""The section on the events that the experiment names in `[counters]`, per request."""

from collections.abc import Iterator

from harness.model import CounterSummary, Summary
from harness.report.document import Column, NumberCell, Row, Section, Table, TextCell
from harness.report.format import join_with_and
from harness.report.sections.why import MAX_COUNTER_COLUMNS, OWN_COUNTER, counter_name, rate_cell_with_interval

NOTE = "Counted in untimed bursts. The whole machine includes the client, interrupts and other processes."
ONE_SESSION_NOTE = "Counted in one session, so without intervals: give a longer --budget."


def own_counter_sections(summary: Summary) -> list[Section]:
    """Return the section, with zeros; none without such a counter."""
    counters = [counter for counter in summary.counters if OWN_COUNTER in counter.name]
    if not counters:
        return []
    columns = [Column("per request"), *map(Column, summary.arms)]
    rows = [row for counter in counters for row in _rows(counter, summary)]
    events = join_with_and([f"{name} counts {event}" for name, event in summary.counted_events.items()])
    notes = [f"{NOTE} {events}."]
    table = Table("Mean over sessions", columns, rows)
    if all(amount.low is None for counter in counters for amount in counter.arms.values()):
        notes.append(ONE_SESSION_NOTE)
    is_wide = len(columns) > MAX_COUNTER_COLUMNS
    return [Section("The experiment's own counters", tables=[table], notes=notes, is_detail=is_wide)]


def _rows(counter: CounterSummary, summary: Summary) -> Iterator[Row]:
    """Yield the rates of all arms, and their differences from the arms that they are compared with."""
    yield Row([TextCell(counter_name(counter.name)), *_cells(counter, summary, is_difference=False)])
    if counter.differences:
        first = {comparison.arm: comparison.against for comparison in reversed(summary.comparisons)}
        references = {first[arm] for arm in counter.differences if arm in first}
        subtrahend = references.pop() if len(references) == 1 else "the reference"
        yield Row([TextCell(f"less {subtrahend}"), *_cells(counter, summary, is_difference=True)], is_inner=True)


def _cells(counter: CounterSummary, summary: Summary, *, is_difference: bool) -> Iterator[NumberCell]:
    amounts = counter.differences if is_difference else counter.arms
    for arm in summary.arms:
        amount = amounts.get(arm)
        sign = "+" if is_difference and amount and amount.value > 0 else ""
        yield NumberCell(f"{sign}{rate_cell_with_interval(amount)}")
