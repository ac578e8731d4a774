"""Reports how runs differ: `barehop compare`, and its gate."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from harness.analysis.between_runs.changes import RunChange, RunComparison
from harness.analysis.between_runs.metadata import MetadataDifference
from harness.analysis.statistics.series import ArmPair
from harness.model import DESIGN_METRICS, HEADLINE_METRICS, METRICS, Comparison, Summary
from harness.report import caveats
from harness.report.answer import MAX_GROUPED, counted_answer, grouped_answer
from harness.report.format import (
    format_duration,
    format_significant,
    join_with_and,
    percent_interval,
    percent_with_interval,
    pluralize,
    size_with_interval,
)
from harness.report.select import is_control
from harness.report.table import ABSENT, verdict_text
from harness.report.terminal import VERDICT_STYLES, Paragraph, bold_heading, empty_table, render_parts

UNBOUNDED_WIDTH = 1000
MAX_VALUE_LENGTH = 40  # of a value; of a longer one, only the words that differ between runs are shown
BLIND_SPOT = (
    "In each run, an arm is compared with its reference; then these differences are compared between runs. A change "
    "that affects both arms equally is not detected: it cannot be distinguished from drift of the machine."
)


@dataclass(frozen=True, slots=True)
class ChangeTable:
    """A group of lines per pair: its effect in each run and the change from run 1. `changes` are of one metric.

    Intervals stand beside their values or, where the table is too wide, below.
    """

    runs: Sequence[Summary]
    changes: Sequence[RunChange]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = self._table(" ")
        needed = console.measure(wide, options=options.update(width=UNBOUNDED_WIDTH)).maximum
        yield wide if needed <= options.max_width else self._table("\n")

    def _table(self, gap: str) -> Table:
        table = empty_table()
        table.add_column("", overflow="fold")
        table.add_column(f"effect\n{self._interval()}", justify="right", no_wrap=True)
        table.add_column("change from run 1\n95 % interval", justify="right", no_wrap=True)
        table.add_column("verdict")
        for pair in dict.fromkeys((change.arm, change.against) for change in self.changes):
            table.add_row(Text(pair[0], style="bold"), Text(f"against {pair[1]}", style="dim"))
            for row in self._rows(pair, gap):
                table.add_row(*row)
            table.add_section()
        return table

    def _interval(self) -> str:
        """Return the confidence level of the intervals if all runs share it."""
        effects = [
            comparison
            for run in self.runs
            for comparison in run.comparisons
            if comparison.metric == self.changes[0].metric
        ]
        levels = {f"{100 * comparison.confidence:.3g} % interval" for comparison in effects}
        return levels.pop() if len(levels) == 1 else "interval"

    def _rows(self, pair: ArmPair, gap: str) -> Iterator[tuple[Text | str, ...]]:
        changes = {change.run: change for change in self.changes if (change.arm, change.against) == pair}
        for run, summary in enumerate(self.runs, start=1):
            effect = self._effect(summary, pair)
            yield (
                f"  run {run}",
                _effect_text(effect, gap) if effect else ABSENT,
                *_change_cells(changes.get(run), gap),
            )

    def _effect(self, summary: Summary, pair: ArmPair) -> Comparison | None:
        wanted = (*pair, self.changes[0].metric)
        return next(
            (
                comparison
                for comparison in summary.comparisons
                if (comparison.arm, comparison.against, comparison.metric) == wanted
            ),
            None,
        )


def _change_cells(change: RunChange | None, gap: str) -> tuple[str, Text | str]:
    if change is None:
        return "", ""
    verdict = verdict_text(change.verdict, starred=False)
    return _effect_text(change, gap), Text(verdict, style=VERDICT_STYLES[verdict])


def _effect_text(comparison: Comparison, gap: str) -> str:
    interval = percent_interval(comparison)
    return percent_with_interval(interval, named=False).replace(" (", f"{gap}(") if interval else ABSENT


def gate_failures(comparison: RunComparison, percent: float) -> list[str]:
    """Return a sentence for each arm that regressed by more than `percent` since the base run.

    An arm regressed if the whole 95 % interval of its change lies beyond `percent`: an arm that got slower by exactly
    `percent` breaks the gate in 2.5 % of comparisons, an unchanged arm practically never. Changes are relative to the
    reference arm, so a slowdown of both is not detected. An arm without a verdict breaks the gate, because a failing
    service must not pass. Controls are ignored.
    """
    return [sentence for change in _gated_changes(comparison) if (sentence := _breach(change, percent))]


def gate_remarks(comparison: RunComparison, percent: float) -> list[str]:
    """Return a sentence for each arm that passes although its interval contains `percent`."""
    return [
        f"{_subject(change)} may be slower by more than {percent:g} %: {percent_with_interval(interval)}. "
        "More sessions would "
        "decide it."
        for change in _gated_changes(comparison)
        if change.verdict and (interval := percent_interval(change)) and interval.low <= percent < interval.high
    ]


def _gated_changes(comparison: RunComparison) -> Iterator[RunChange]:
    controls = {name for name, arm in comparison.runs[0].arms.items() if arm.control_of is not None}
    return (change for change in comparison.changes if change.metric in HEADLINE_METRICS and change.arm not in controls)


def _breach(change: RunChange, percent: float) -> str:
    interval = percent_interval(change)
    if change.verdict is None or interval is None:
        return f"{_subject(change)} has no verdict. {change.why}"
    if interval.low <= percent:
        return ""
    return (
        f"{_subject(change)} is slower than in run 1 {size_with_interval(interval)}, beyond the gate of {percent:g} %."
    )


def _subject(change: RunChange) -> str:
    return f"In run {change.run}, {change.arm} compared with {change.against}"


def render_comparison(comparison: RunComparison, *, width: int | None = None, color: bool = False) -> str:
    """Return the comparison as text. `width` None is the width of the terminal; without `color`: no escape codes."""
    parts = [
        *_comparison_head(comparison),
        *_run_list(comparison),
        *_environment_section("Differences in settings", comparison.settings),
        *_change_sections(comparison),
        *_environment_section("Differences in measurement", comparison.measuring, _experiment_names(comparison)),
        *_environment_section("Differences between the hosts", comparison.host),
    ]
    return render_parts(parts, width=width, color=color)


def _comparison_head(comparison: RunComparison) -> Iterator[RenderableType]:
    for warning in _comparison_warnings(comparison):
        yield Paragraph(warning, style="bold red")
        yield ""
    if comparison.runs[0].question:
        yield Paragraph(comparison.runs[0].question, style="italic")
        yield ""
    for run in range(2, len(comparison.runs) + 1):
        yield Paragraph(_change_answer(comparison, run), style="bold")


def _comparison_warnings(comparison: RunComparison) -> Iterator[str]:
    for run, summary in enumerate(comparison.runs, start=1):
        if reasons := caveats.validity_warnings(summary):
            yield f"Run {run} is not valid. {' '.join(reasons)}"
    for change in comparison.changes:
        interval = percent_interval(change)
        if interval and change.verdict in ("faster", "slower") and is_control(comparison.runs[0], change):
            yield (
                f"The A/A control changed: {change.against}, measured again as {change.arm}, is {change.verdict} in "
                f"run {change.run} than in run 1 {size_with_interval(interval)} ({change.metric}), so a "
                "change of that size means "
                "nothing here."
            )


def _change_answer(comparison: RunComparison, run: int) -> str:
    changes = [
        change
        for change in comparison.changes
        if change.run == run and change.metric in HEADLINE_METRICS and not is_control(comparison.runs[0], change)
    ]
    is_short = len(changes) <= MAX_GROUPED
    text = (
        grouped_answer(changes, comparison.design, _deciding(changes))
        if is_short
        else counted_answer(changes, comparison.design)
    )
    return f"From run 1 to run {run}, {text[0].lower()}{text[1:]}"


def _deciding(changes: Sequence[RunChange]) -> str:
    """Return the number of sessions per run that would decide every undecided change."""
    wanted = max((change.sessions_to_decide or 0 for change in changes), default=0)
    return f", about {pluralize(wanted, 'session')} per run would decide it" if wanted else ""


def _run_list(comparison: RunComparison) -> Iterator[RenderableType]:
    yield ""
    yield bold_heading("Runs")
    for run, (summary, started) in enumerate(zip(comparison.runs, comparison.started_utc, strict=True), start=1):
        base = " (the base)" if run == 1 else ""
        yield Paragraph(f"{run}  {summary.directory}{base}", indent="   ")
        yield Paragraph(f"{_run_facts(summary, started)}.", style="dim", first_indent="   ", indent="   ")


def _run_facts(summary: Summary, started: str) -> str:
    parts = [
        started,
        f"{pluralize(summary.sessions, 'session')} in {format_duration(summary.seconds.total)}",
        *_reference_levels(summary),
        *(f"--set {shlex.quote(override)}" for override in summary.overrides),
    ]
    return ", ".join(parts)


def _reference_levels(summary: Summary) -> Iterator[str]:
    """Yield the time of a typical request of each reference arm, for orientation."""
    for name in dict.fromkeys(comparison.against for comparison in summary.comparisons):
        typical_us = summary.arms[name].p50_us or summary.arms[name].mean_us
        if typical_us:
            yield f"{name} {format_significant(typical_us, 3)} us per request"


def _change_sections(comparison: RunComparison) -> Iterator[RenderableType]:
    for metric in DESIGN_METRICS:
        changes = [change for change in comparison.changes if change.metric == metric]
        if changes:
            yield ""
            yield bold_heading(METRICS[metric].title)
            yield ChangeTable(comparison.runs, changes)
    yield ""
    yield Paragraph(BLIND_SPOT, indent="  ", first_indent="  ")


def _experiment_names(comparison: RunComparison) -> str:
    """Return a sentence if the runs have the same arms but are of different experiments."""
    names = list(dict.fromkeys(summary.experiment for summary in comparison.runs))
    return f"Different experiments: {join_with_and(names)}." if len(names) > 1 else ""


def _environment_section(
    title: str, differences: Sequence[MetadataDifference], first: str = ""
) -> Iterator[RenderableType]:
    """Yield the sentence `first` and a line for each field; nothing if there is neither."""
    if not differences and not first:
        return
    yield ""
    yield bold_heading(title)
    if first:
        yield Paragraph(first, first_indent="  ", indent="    ")
    for difference in differences:
        steps = " -> ".join(run_values(difference.values))
        yield Paragraph(f"{difference.field}: {steps}", first_indent="  ", indent="    ")


def run_values(values: Sequence[str | None]) -> list[str]:
    """Return the values; of long ones only the words that differ between runs: `... mitigations=off`."""
    if max(len(value or "") for value in values) <= MAX_VALUE_LENGTH:
        return ["(absent)" if value is None else value or '""' for value in values]
    words = [(value or "").split() for value in values]
    common = set(words[0]).intersection(*words[1:])
    return [" ".join(["...", *(word for word in run_words if word not in common)]) for run_words in words]
