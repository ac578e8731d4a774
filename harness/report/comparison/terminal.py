"""Renders a comparison of runs for the terminal: what changed, against which background, and what to make of it."""

import shlex
from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from harness.analysis.across.changes import Change
from harness.analysis.across.contrast import Contrast
from harness.analysis.across.runs import METRICS, RunComparison
from harness.model import HEADLINE, Summary
from harness.report import caveats, page
from harness.report.comparison.change_tables import ChangeTable
from harness.report.overview import counts, grouped
from harness.report.page import Paragraph, heading
from harness.report.selection import is_control
from harness.report.sentences import MANY
from harness.report.wording import by, counted, duration, listed, percent_of, rounded

TITLES = {"latency": "The typical request", "cpu": "CPU time per request (nginx + app)"}
LONG = 40  # characters of a value beyond which only the words that are not in all runs are shown
BLIND_SPOT = (
    "An arm is compared with its reference in each run, and these differences with each other. What changes both alike "
    "cannot be told from the machine's drift between the runs, and is not in them."
)


def render_comparison(comparison: RunComparison, *, width: int | None = None, color: bool = False) -> str:
    """The whole comparison as text. `width` None: the terminal's; without `color` there are no escape codes in it."""
    parts = [
        *_head(comparison),
        *_runs(comparison),
        *_contrasts("What was set differently", comparison.settings),
        *_changes(comparison),
        *_contrasts("What was measured differently", comparison.measuring, _experiments(comparison)),
        *_contrasts("What differs between the hosts", comparison.host),
    ]
    return page.render(parts, width=width, color=color)


def _head(comparison: RunComparison) -> Iterator[RenderableType]:
    for warning in _warnings(comparison):
        yield Paragraph(warning, style="bold red")
        yield ""
    if comparison.runs[0].question:
        yield Paragraph(comparison.runs[0].question, style="italic")
        yield ""
    for run in range(2, len(comparison.runs) + 1):
        yield Paragraph(_answer(comparison, run), style="bold")


def _warnings(comparison: RunComparison) -> Iterator[str]:
    for run, summary in enumerate(comparison.runs, start=1):
        if found := caveats.warnings(summary):
            yield f"Run {run} is not valid. {' '.join(found)}"
    for change in comparison.changes:
        seen = percent_of(change)
        if seen and change.verdict in ("faster", "slower") and is_control(comparison.runs[0], change):
            yield (
                f"The control changed: {change.against}, measured a second time as {change.arm}, came out "
                f"{change.verdict} in run {change.run} than in run 1 {by(seen)} ({change.metric}), so a change of that "
                "size means nothing here."
            )


def _answer(comparison: RunComparison, run: int) -> str:
    asked = [
        change
        for change in comparison.changes
        if change.run == run and change.metric in HEADLINE and not is_control(comparison.runs[0], change)
    ]
    few = len(asked) <= MANY
    text = grouped(asked, comparison.design, _deciding(asked)) if few else counts(asked, comparison.design)
    return f"From run 1 to run {run}, {text[0].lower()}{text[1:]}"


def _deciding(changes: Sequence[Change]) -> str:
    """How many sessions of each run would decide every change that is undecided."""
    wanted = max((change.sessions_to_decide or 0 for change in changes), default=0)
    return f", some {counted(wanted, 'session')} would decide it" if wanted else ""


def _runs(comparison: RunComparison) -> Iterator[RenderableType]:
    yield ""
    yield heading("Runs")
    for run, (summary, started) in enumerate(zip(comparison.runs, comparison.started_utc, strict=True), start=1):
        base = " (the base)" if run == 1 else ""
        yield Paragraph(f"{run}  {summary.directory}{base}", indent="   ")
        yield Paragraph(f"{_measured(summary, started)}.", style="dim", first_indent="   ", indent="   ")


def _measured(summary: Summary, started: str) -> str:
    parts = [
        started,
        f"{counted(summary.sessions, 'session')} in {duration(summary.seconds.total)}",
        *_levels(summary),
        *(f"--set {shlex.quote(override)}" for override in summary.overrides),
    ]
    return ", ".join(parts)


def _levels(summary: Summary) -> Iterator[str]:
    """What a typical request took of each reference arm, which places the run without being compared."""
    for name in dict.fromkeys(each.against for each in summary.comparisons):
        typical_us = summary.arms[name].p50_us or summary.arms[name].mean_us
        if typical_us:
            yield f"{name} {rounded(typical_us, 3)} us per request"


def _changes(comparison: RunComparison) -> Iterator[RenderableType]:
    for metric in METRICS:
        found = [change for change in comparison.changes if change.metric == metric]
        if found:
            yield ""
            yield heading(TITLES[metric])
            yield ChangeTable(comparison.runs, found)
    yield ""
    yield Paragraph(BLIND_SPOT, indent="  ", first_indent="  ")


def _experiments(comparison: RunComparison) -> str:
    """Their arms and pairs are the same, but they may have been given to answer different questions."""
    names = list(dict.fromkeys(summary.experiment for summary in comparison.runs))
    return f"The experiments are different ones: {listed(names)}." if len(names) > 1 else ""


def _contrasts(title: str, found: Sequence[Contrast], first: str = "") -> Iterator[RenderableType]:
    """A line for each field, after the sentence `first`; nothing where there is neither."""
    if not found and not first:
        return
    yield ""
    yield heading(title)
    if first:
        yield Paragraph(first, first_indent="  ", indent="    ")
    for contrast in found:
        steps = " -> ".join(telling(contrast.values))
        yield Paragraph(f"{contrast.field}: {steps}", first_indent="  ", indent="    ")


def telling(values: Sequence[str | None]) -> list[str]:
    """The values as they are; of long ones the words that not all runs have: `... mitigations=off`."""
    if max(len(value or "") for value in values) <= LONG:
        return ["(absent)" if value is None else value or '""' for value in values]
    words = [(value or "").split() for value in values]
    common = set(words[0]).intersection(*words[1:])
    return [" ".join(["...", *(word for word in each if word not in common)]) for each in words]
