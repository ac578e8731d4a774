"""What fits one screen: a row for each arm, why in at most two sentences, and how sure it is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.model import METRICS, Comparison, Design, Explanation, MainEffect, Summary
from harness.report import caveats
from harness.report.answer import counted_answer, summary_answer
from harness.report.cells import format_milliseconds, select_columns
from harness.report.document import Column, Fact, NumberCell, Overview, Row, Table, TextCell, VerdictCell
from harness.report.figures.style import reference_name
from harness.report.format import format_us_amount, join_with_and, percent_interval, percent_with_interval, pluralize
from harness.report.sections.arm_table import AGAINST, arm_table
from harness.report.sections.failures import application_place
from harness.report.sections.profile import code_sentence
from harness.report.sections.screening import main_effect_table, screen_answer
from harness.report.sections.why import counter_change, shown_explanations
from harness.report.select import (
    control_comparisons,
    group_by_root,
    headline_metric,
    main_comparisons,
    main_effects,
)

LONG_ANSWER = 300  # characters, beyond which the answer only counts verdicts
MOST_ROWS = 10  # of the table: the screen also has the answer, the reasons and the paths
MOST_GROUPED_ROWS = 6  # with a line between groups of arms
MOST_COUNTERS = 2  # that the reasons name
SHOWN_COLUMNS = ("ms/request", "p99 ms", "CPU us", AGAINST, "difference", "verdict")
CONNECTION_SETTINGS = {"upstream_keepalive", "chain", "url"}  # without them, nginx connects for each request
SPARE_COLUMNS = ("p99 ms", "CPU us")  # of a long table where the terminal is narrow


def overview_of(summary: Summary, design: Design | None, places: Sequence[Fact]) -> Overview:
    """Return what a terminal shows of a run without --details; the rest is at `places`."""
    effects, _ = main_effects(summary)
    if effects:
        largest = sorted(effects, key=_size)[-MOST_ROWS:]
        table = main_effect_table("", [effect for effect in effects if effect in largest])
        certainty = _certainty(summary, design, len(effects) - len(largest))
        return Overview(screen_answer(summary, design), table, [], certainty, places)
    comparisons = main_comparisons(summary)
    answer = summary_answer(summary, design)
    if len(answer) > LONG_ANSWER and comparisons:
        answer = counted_answer(comparisons, design)
    shown = comparisons if len(arm_table(summary).rows) <= MOST_ROWS else _largest_differences(comparisons)
    table = _overview_table(summary if shown is comparisons else _with_comparisons(summary, shown))
    certainty = _certainty(summary, design, len(comparisons) - len(shown))
    return Overview(answer, table, brief_causes(summary), certainty, places)


def _certainty(summary: Summary, design: Design | None, left_out: int) -> list[str]:
    """Return the controls, the effort and the rows that the table lacks, in few words."""
    controls = [
        f"Control: no difference, {percent_with_interval(estimate, named=False)}."
        for control in control_comparisons(summary)
        if control.verdict == "equivalent" and (estimate := percent_interval(control))
    ]
    return [
        " ".join([*controls, caveats.effort_clause(summary), caveats.precision_sentence(summary, design)]).strip(),
        *filter(None, [caveats.budget_sentence(summary), _subject_sentence(summary)]),
        *(summary.unseen[-2:] if design and design.profile and not summary.profiles else ()),  # functions, waiting
        *([f"{pluralize(left_out, 'more row')} with smaller differences."] if left_out else []),
    ]


def _subject_sentence(summary: Summary) -> str:
    """Return `Measured: app.py in ~/shop, page /items, ...`; empty for many arms, several applications or pages."""
    paths = {arm.settings.get("path", "/") for arm in summary.arms.values()}
    if len(summary.applications) != 1 or len(paths) > 1 or len(summary.arms) > MOST_GROUPED_ROWS:
        return ""
    parts = [f"Measured: {application_place(summary.applications[0])}, page {paths.pop()}"]
    if not any(CONNECTION_SETTINGS & arm.settings.keys() for arm in summary.arms.values()):
        parts.append("without upstream keep-alive (barehop run keepalive)")
    return f"{', '.join(parts)}."


def _size(effect: MainEffect) -> float:
    return abs(effect.percent or 0)


def _largest_differences(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with the largest differences that fit the table with their references, in their order."""
    largest: list[Comparison] = []
    for comparison in sorted(comparisons, key=lambda comparison: -abs(comparison.percent or 0)):
        more = [*largest, comparison]
        largest = more if len(more) + len(group_by_root(more)) <= MOST_ROWS else largest
    return [comparison for comparison in comparisons if comparison in largest]


def _with_comparisons(summary: Summary, comparisons: Sequence[Comparison]) -> Summary:
    """Return the summary with these comparisons only, and their arms."""
    names = {name for comparison in comparisons for name in (comparison.arm, comparison.against)}
    arms = {name: arm for name, arm in summary.arms.items() if name in names}
    return summary.model_copy(update={"comparisons": tuple(comparisons), "arms": arms})


def _overview_table(summary: Summary) -> Table:
    """Return the table of arms with the median time instead of the mean and the rate; of many rows the main numbers."""
    table = arm_table(summary)
    is_long = len(table.rows) > MOST_GROUPED_ROWS
    rows = [replace(_without_star(row), ends_group=row.ends_group and not is_long) for row in table.rows]
    if METRICS[headline_metric(summary)].is_rate:
        return replace(table, rows=rows)
    titles = [column.title for column in table.columns]
    kept = select_columns(
        replace(table, rows=rows), [titles.index(title) for title in SHOWN_COLUMNS if title in titles]
    )
    columns = [_overview_column(column, is_long=is_long) for column in kept.columns]
    rows = [_overview_row(row, summary, is_long=is_long) for row in kept.rows]
    return replace(kept, columns=columns, rows=rows)


def _overview_column(column: Column, *, is_long: bool) -> Column:
    title = "p50 ms" if column.title == "ms/request" else column.title
    is_spare = is_long and title in SPARE_COLUMNS
    return Column(title, "" if is_spare else column.detail, is_spare=is_spare)


def _overview_row(row: Row, summary: Summary, *, is_long: bool) -> Row:
    name, _, p99, cpu, *others = row.cells
    if is_long and isinstance(cpu, NumberCell):
        cpu = NumberCell(cpu.text)
    if isinstance(others[0], TextCell):
        others[0] = TextCell(reference_name(row.name, others[0].text))
    p50 = NumberCell(format_milliseconds(summary.arms[row.name].p50_us))
    return replace(row, cells=(name, p50, p99, cpu, *others))


def _without_star(row: Row) -> Row:
    """Return the row without the star whose note only the details have."""
    cells = [replace(cell, is_starred=False) if isinstance(cell, VerdictCell) else cell for cell in row.cells]
    return replace(row, cells=cells)


def brief_causes(summary: Summary) -> list[str]:
    """Return what the largest difference is made of, and in which code it is or what was counted of it."""
    explanations = [explanation for explanation in shown_explanations(summary) if explanation.evidence != "nothing"]
    largest = max(explanations, key=lambda explanation: abs(explanation.time_us.value), default=None)
    if largest is None:
        return []
    return [*_parts_sentence(largest), *(_code_sentences(largest, summary) or _counters_sentence(largest, summary))]


def _code_sentences(explanation: Explanation, summary: Summary) -> list[str]:
    pair = (explanation.arm, explanation.against)
    sentences = [code_sentence(profile) for profile in summary.profiles if (profile.arm, profile.against) == pair]
    return list(filter(None, sentences))


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
