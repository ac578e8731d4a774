"""What fits one screen: a row for each arm, why in at most two sentences, and how sure it is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.model import METRICS, Comparison, Design, Explanation, MainEffect, Summary
from harness.report import caveats
from harness.report.answer import counted_answer, summary_answer
from harness.report.cells import format_milliseconds, select_columns
from harness.report.document import Column, Fact, NumberCell, Overview, Row, Table, VerdictCell
from harness.report.format import format_us_amount, join_with_and, percent_interval, percent_with_interval, pluralize
from harness.report.sections.arm_table import ARM_COLUMNS, arm_table
from harness.report.sections.screening import main_effect_table, screen_answer
from harness.report.sections.why import counter_change, shown_explanations
from harness.report.select import control_comparisons, headline_metric, main_comparisons, main_effects

LONG_ANSWER = 300  # characters, beyond which the answer only counts verdicts
MOST_ROWS = 10  # of the table: the screen also has the answer, the reasons and the paths
MOST_GROUPED_ROWS = 6  # with a line between groups of arms
MOST_COUNTERS = 2  # that the reasons name
SHOWN_COLUMNS = ("p99 ms", "CPU us", "difference", "verdict")


def overview_of(summary: Summary, design: Design | None, places: Sequence[Fact]) -> Overview:
    """Return what a terminal shows of a run without --details; the rest is at `places`."""
    effects, _ = main_effects(summary)
    if effects:
        shown = sorted(effects, key=_size)[-MOST_ROWS:]
        table, left_out = main_effect_table("", [effect for effect in effects if effect in shown]), effects[MOST_ROWS:]
        return Overview(screen_answer(summary, design), table, [], _certainty(summary, design, len(left_out)), places)
    comparisons = main_comparisons(summary)
    answer = summary_answer(summary, design)
    if len(answer) > LONG_ANSWER and comparisons:
        answer = counted_answer(comparisons, design)
    table = _overview_table(summary)
    rows = table.rows if len(table.rows) <= MOST_ROWS else _largest_rows(table, comparisons)
    are_many = len(rows) > MOST_GROUPED_ROWS
    lines = [replace(_without_star(row), ends_group=row.ends_group and not are_many) for row in rows]
    certainty = _certainty(summary, design, len(table.rows) - len(rows))
    return Overview(answer, replace(table, rows=lines), brief_causes(summary), certainty, places)


def _certainty(summary: Summary, design: Design | None, left_out: int) -> list[str]:
    """Return the controls, the effort and the rows that the table lacks, in few words."""
    controls = [
        f"Control: no difference, {percent_with_interval(estimate, named=False)}."
        for control in control_comparisons(summary)
        if control.verdict == "equivalent" and (estimate := percent_interval(control))
    ]
    return [
        " ".join([*controls, caveats.effort_clause(summary), caveats.precision_sentence(summary, design)]).strip(),
        *filter(None, [caveats.budget_sentence(summary)]),
        *(summary.unseen[-2:] if design and design.profile and not summary.profiles else ()),  # functions, waiting
        *([f"{pluralize(left_out, 'more row')} with smaller differences."] if left_out else []),
    ]


def _size(effect: MainEffect) -> float:
    return abs(effect.percent or 0)


def _overview_table(summary: Summary) -> Table:
    """Return the table of arms with the median time instead of the mean and the rate."""
    table = arm_table(summary)
    if METRICS[headline_metric(summary)].is_rate:
        return table
    titles = [column.title for column in table.columns]
    columns = [Column("arm"), Column("p50 ms"), *(ARM_COLUMNS[titles.index(title)] for title in SHOWN_COLUMNS)]
    kept = select_columns(table, [titles.index(title) for title in ("ms/request", *SHOWN_COLUMNS)])
    rows = [_with_median(row, summary) for row in kept.rows]
    return replace(kept, columns=[replace(column, group="") for column in columns], rows=rows)


def _with_median(row: Row, summary: Summary) -> Row:
    name, _, *others = row.cells
    median_us = summary.arms[row.name].p50_us
    return replace(row, cells=(name, NumberCell(format_milliseconds(median_us)), *others))


def _without_star(row: Row) -> Row:
    """Return the row without the star whose note only the details have."""
    cells = [replace(cell, is_starred=False) if isinstance(cell, VerdictCell) else cell for cell in row.cells]
    return replace(row, cells=cells)


def _largest_rows(table: Table, comparisons: Sequence[Comparison]) -> list[Row]:
    """Return the rows of the largest differences and of their references."""
    largest: dict[str, None] = {}
    for comparison in sorted(comparisons, key=lambda comparison: -abs(comparison.percent or 0)):
        both = largest | dict.fromkeys((comparison.against, comparison.arm))
        largest = both if len(both) <= MOST_ROWS else largest
    return [row for row in table.rows if row.name in largest]


def brief_causes(summary: Summary) -> list[str]:
    """Return what the largest difference is made of, and what was counted of it, in a sentence each."""
    explanations = [explanation for explanation in shown_explanations(summary) if explanation.evidence != "nothing"]
    largest = max(explanations, key=lambda explanation: abs(explanation.time_us.value), default=None)
    if largest is None:
        return []
    return [*_parts_sentence(largest), *_counters_sentence(largest, summary)]


def _parts_sentence(explanation: Explanation) -> Iterator[str]:
    """Yield `uds against tcp, -23 us (-26 to -20), is made of CPU time -46 us (app -35) and the rest +23 us.`"""
    if explanation.cpu_total_us is None:
        return
    roles = [f"{role} {amount.value:+.0f}" for role, amount in explanation.cpu_us.items()]
    parts = [f"CPU time {_us(explanation.cpu_total_us.value)} ({', '.join(roles)})"]
    if explanation.waiting_total_us:
        parts.append(f"waiting for a CPU {_us(explanation.waiting_total_us.value)}")
    if explanation.rest_us:
        parts.append(f"the rest {_us(explanation.rest_us.value)}")
    time = format_us_amount(explanation.time_us)
    yield f"{explanation.arm} against {explanation.against}, {time}, is made of {join_with_and(parts)}."


def _us(value: float) -> str:
    return f"{value:+.0f} us"


def _counters_sentence(explanation: Explanation, summary: Summary) -> Iterator[str]:
    counters = {counter.name: counter for counter in summary.counters}
    changes = [counter_change(explanation, counters[name]) for name in explanation.agree[:MOST_COUNTERS]]
    if changes:
        yield f"Counted per request: {join_with_and(changes)}."
