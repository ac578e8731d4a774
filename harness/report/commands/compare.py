"""The report of `barehop compare`: how the effects of runs differ."""

import shlex
from collections.abc import Iterator, Sequence

from harness.analysis.between_runs.changes import RunChange, RunComparison
from harness.analysis.between_runs.metadata import MetadataDifference
from harness.analysis.between_runs.reliability import UNRELIABLE
from harness.model import HEADLINE_METRICS, METRICS, Comparison, Summary
from harness.report import caveats
from harness.report.answer import MAX_GROUPED, counted_answer, grouped_answer
from harness.report.cells import percent_cell, text_table
from harness.report.document import Cell, Column, Fact, IntervalCell, Report, Row, Section, Table, TextCell, VerdictCell
from harness.report.figures.intervals import changes_figure
from harness.report.format import (
    field_title,
    format_duration,
    format_minute,
    format_significant,
    join_with_and,
    percent_interval,
    pluralize,
    size_with_interval,
)
from harness.report.select import is_control

MAX_VALUE_LENGTH = 40  # of a value; of a longer one, only the words that differ between runs are shown
LEAST_LEVEL_PERCENT = 2.0  # between the times of a reference in two runs, that is worth a sentence
LEVEL_CONSEQUENCE = (
    "The machine or the reference itself was not the same: an effect that depends on the machine's speed changes with "
    "it."
)
BLIND_SPOT = (
    "In each run, an arm is compared with its reference; then these differences are compared between runs. A change "
    "that affects both arms equally is not detected: it cannot be distinguished from drift of the machine."
)


def comparison_report(comparison: RunComparison, gate_section: Section | None = None) -> Report:
    """Return the report of a comparison of runs, with the section on its gate if it has one."""
    warnings = list(_warnings(comparison))
    is_valid = not warnings
    warnings += _unreliable_runs(comparison)
    names = list(dict.fromkeys(run.experiment for run in comparison.runs))
    note = f"Different experiments: {join_with_and(names)}." if len(names) > 1 else ""
    return Report(
        title=f"{len(comparison.runs)} runs of {join_with_and(names)}, compared",
        warning=" ".join(warnings),
        is_valid=is_valid,
        question=comparison.runs[0].question,
        answer=[_answer(comparison, run) for run in range(2, len(comparison.runs) + 1)],
        certainty=[*filter(None, [" ".join(_level_sentences(comparison))]), *_doubt_sentences(comparison)],
        figure=changes_figure(comparison),
        sections=[
            *([gate_section] if gate_section else []),
            Section("Runs", facts=list(_run_facts(comparison))),
            *_metadata_section("Differences in settings", comparison.settings),
            *_change_sections(comparison),
            *_metadata_section("Differences in measurement", comparison.measuring, note),
            *_metadata_section("Differences between the hosts", comparison.host),
        ],
    )


def _warnings(comparison: RunComparison) -> Iterator[str]:
    for run, summary in enumerate(comparison.runs, start=1):
        if reasons := caveats.validity_warnings(summary):
            yield f"Run {run} is not valid: do not use the changes from or to it. {' '.join(reasons)}"
    for change in comparison.changes:
        interval = percent_interval(change)
        if interval and change.verdict in ("faster", "slower") and is_control(comparison.runs[0], change):
            yield (
                f"The A/A control changed: {change.against}, measured again as {change.arm}, is {change.verdict} in "
                f"run {change.run} than in run 1 {size_with_interval(interval)} ({change.metric}), so a change of that "
                "size means nothing here."
            )


def _unreliable_runs(comparison: RunComparison) -> Iterator[str]:
    """Yield why a run is not reliable, though it is valid."""
    for run, summary in enumerate(comparison.runs, start=1):
        reasons = caveats.brief_unreliability(summary)
        if reasons and not caveats.validity_warnings(summary):
            yield f"Run {run} is not reliable, so a change may come from it alone. {' '.join(reasons)}"


def _level_sentences(comparison: RunComparison) -> list[str]:
    """Return a sentence for each reference that was not as fast as in run 1."""
    base, *others = (_reference_levels_us(summary) for summary in comparison.runs)
    sentences = []
    for run, levels_us in enumerate(others, start=2):
        for name in filter(base.__contains__, levels_us):
            percent = 100 * (levels_us[name] / base[name] - 1)
            if abs(percent) >= LEAST_LEVEL_PERCENT:
                sentences.append(
                    f"{name} itself took {format_significant(levels_us[name], 3)} us per request in run {run}, "
                    f"{format_significant(base[name], 3)} us in run 1 ({percent:+.0f} %)."
                )
    return [*sentences, LEVEL_CONSEQUENCE] if sentences else []


def _doubt_sentences(comparison: RunComparison) -> Iterator[str]:
    """Yield the kinds of doubts of each run that has any, without those that the warning explains."""
    for run, summary in enumerate(comparison.runs, start=1):
        doubts = [fold for fold in caveats.group_doubts(summary) if fold.kind not in UNRELIABLE]
        kinds = [f"{fold.kind}{f' ({fold.where})' if fold.where else ''}" for fold in doubts]
        if kinds:
            yield f"Doubts of run {run}: {join_with_and(kinds)}."


def _answer(comparison: RunComparison, run: int) -> str:
    changes = [change for change in _questions(comparison) if change.run == run]
    if len(changes) > MAX_GROUPED:
        text = counted_answer(changes, comparison.design)
    else:
        sessions = max((change.sessions_to_decide or 0 for change in changes), default=0)
        decide = f", about {pluralize(sessions, 'session')} per run would decide it" if sessions else ""
        text = grouped_answer(changes, comparison.design, decide)
    return f"From run 1 to run {run}, {text[0].lower()}{text[1:]}"


def _questions(comparison: RunComparison) -> Iterator[RunChange]:
    """Yield the changes of headline metrics without those of controls."""
    for change in comparison.changes:
        if change.metric in HEADLINE_METRICS and not is_control(comparison.runs[0], change):
            yield change


def _run_facts(comparison: RunComparison) -> Iterator[Fact]:
    for run, (summary, started) in enumerate(zip(comparison.runs, comparison.started_utc, strict=True), start=1):
        facts = [
            f"{summary.directory} (the base)" if run == 1 else summary.directory,
            f"{format_minute(started)} UTC",
            f"{pluralize(summary.sessions, 'session')} in {format_duration(summary.seconds.total)}",
            *([f"id {summary.id}"] if summary.id else []),
            *_reference_levels(summary),
            *(f"--set {shlex.quote(override)}" for override in summary.overrides),
        ]
        yield str(run), ", ".join(facts)


def _reference_levels(summary: Summary) -> Iterator[str]:
    """Yield the time of a typical request of each reference arm."""
    for name, level_us in _reference_levels_us(summary).items():
        yield f"{name} {format_significant(level_us, 3)} us per request"


def _reference_levels_us(summary: Summary) -> dict[str, float]:
    references = dict.fromkeys(comparison.against for comparison in summary.comparisons)
    levels_us = {name: summary.arms[name].p50_us or summary.arms[name].mean_us for name in references}
    return {name: level_us for name, level_us in levels_us.items() if level_us}


def _change_sections(comparison: RunComparison) -> Iterator[Section]:
    for metric in dict.fromkeys(change.metric for change in comparison.changes):
        changes = [change for change in comparison.changes if change.metric == metric]
        yield Section(METRICS[metric].title, tables=[_change_table(comparison.runs, changes)])
    yield Section("", notes=[BLIND_SPOT])


def _change_table(runs: Sequence[Summary], changes: Sequence[RunChange]) -> Table:
    """Return a row for each pair: its effect in each run, and the change from run 1. `changes` are of one metric."""
    effects = {
        (effect.arm, effect.against, number): effect
        for number, run in enumerate(runs, start=1)
        for effect in run.comparisons
        if effect.metric == changes[0].metric
    }
    levels = {f"{100 * effect.confidence:.3g} % interval" for effect in effects.values()}
    detail = levels.pop() if len(levels) == 1 else "interval"
    titles = [f"run {number}" for number in range(1, len(runs) + 1)]
    # Two runs share a table. Of more, each has its own, with run 1 in the first.
    steps = [f"from {titles[0]} to {title}" if len(runs) > 2 else "" for title in titles[1:]]
    columns = [Column("arm"), Column(titles[0], detail, steps[0])]
    for title, group in zip(titles[1:], steps, strict=True):
        columns += [
            Column(title, detail, group),
            Column("change", "95 % interval", group),
            Column("verdict", "", group),
        ]
    by_run = {(change.arm, change.against, change.run): change for change in changes}
    rows = []
    for pair in dict.fromkeys((change.arm, change.against) for change in changes):
        cells: list[Cell] = [TextCell(" against ".join(pair)), _percent(effects.get((*pair, 1)))]
        for run in range(2, len(runs) + 1):
            step = by_run.get((*pair, run))
            cells += [_percent(effects.get((*pair, run))), _percent(step)]
            cells.append(VerdictCell(step.verdict, metric=step.metric) if step else TextCell(""))
        rows.append(Row(cells))
    return Table("", columns, rows)


def _percent(effect: Comparison | None) -> IntervalCell:
    return percent_cell(effect) if effect else IntervalCell(None)


def _metadata_section(title: str, differences: Sequence[MetadataDifference], note: str = "") -> Iterator[Section]:
    """Yield the sentence `note` and a table with a row for each field; nothing if there is neither."""
    runs = len(differences[0].values) if differences else 0
    titles = ["what differs", *(f"run {run}" for run in range(1, runs + 1))]
    table = text_table(
        titles, [(field_title(difference.field), *run_values(difference.values)) for difference in differences]
    )
    if differences or note:
        yield Section(title, [note] if note else [], [table] if differences else [])


def run_values(values: Sequence[str | None]) -> list[str]:
    """Return the values; of long ones only the words that differ between runs: `... mitigations=off`."""
    if max(len(value or "") for value in values) <= MAX_VALUE_LENGTH:
        return ["(absent)" if value is None else value or '""' for value in values]
    words = [(value or "").split() for value in values]
    common = set(words[0]).intersection(*words[1:])
    return [" ".join(["...", *(word for word in run_words if word not in common)]) for run_words in words]
