"""A comparison of runs as text for the terminal: answer, runs, changes and differences of the environment."""

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
MAX_VALUE_LENGTH = 40  # of a value; of a longer one, only the words that differ between runs are shown
BLIND_SPOT = (
    "In each run, an arm is compared with its reference; then these differences are compared between runs. A change "
    "that affects both arms equally is not detected: it cannot be distinguished from drift of the machine."
)


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
    return page.render(parts, width=width, color=color)


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
        if reasons := caveats.warnings(summary):
            yield f"Run {run} is not valid. {' '.join(reasons)}"
    for change in comparison.changes:
        interval = percent_of(change)
        if interval and change.verdict in ("faster", "slower") and is_control(comparison.runs[0], change):
            yield (
                f"The A/A control changed: {change.against}, measured again as {change.arm}, is {change.verdict} in "
                f"run {change.run} than in run 1 {by(interval)} ({change.metric}), so a change of that size means "
                "nothing here."
            )


def _change_answer(comparison: RunComparison, run: int) -> str:
    changes = [
        change
        for change in comparison.changes
        if change.run == run and change.metric in HEADLINE and not is_control(comparison.runs[0], change)
    ]
    is_short = len(changes) <= MANY
    text = grouped(changes, comparison.design, _deciding(changes)) if is_short else counts(changes, comparison.design)
    return f"From run 1 to run {run}, {text[0].lower()}{text[1:]}"


def _deciding(changes: Sequence[Change]) -> str:
    """Return the number of sessions per run that would decide every undecided change."""
    wanted = max((change.sessions_to_decide or 0 for change in changes), default=0)
    return f", about {counted(wanted, 'session')} per run would decide it" if wanted else ""


def _run_list(comparison: RunComparison) -> Iterator[RenderableType]:
    yield ""
    yield heading("Runs")
    for run, (summary, started) in enumerate(zip(comparison.runs, comparison.started_utc, strict=True), start=1):
        base = " (the base)" if run == 1 else ""
        yield Paragraph(f"{run}  {summary.directory}{base}", indent="   ")
        yield Paragraph(f"{_run_facts(summary, started)}.", style="dim", first_indent="   ", indent="   ")


def _run_facts(summary: Summary, started: str) -> str:
    parts = [
        started,
        f"{counted(summary.sessions, 'session')} in {duration(summary.seconds.total)}",
        *_reference_levels(summary),
        *(f"--set {shlex.quote(override)}" for override in summary.overrides),
    ]
    return ", ".join(parts)


def _reference_levels(summary: Summary) -> Iterator[str]:
    """Yield the time of a typical request of each reference arm, for orientation."""
    for name in dict.fromkeys(comparison.against for comparison in summary.comparisons):
        typical_us = summary.arms[name].p50_us or summary.arms[name].mean_us
        if typical_us:
            yield f"{name} {rounded(typical_us, 3)} us per request"


def _change_sections(comparison: RunComparison) -> Iterator[RenderableType]:
    for metric in METRICS:
        changes = [change for change in comparison.changes if change.metric == metric]
        if changes:
            yield ""
            yield heading(TITLES[metric])
            yield ChangeTable(comparison.runs, changes)
    yield ""
    yield Paragraph(BLIND_SPOT, indent="  ", first_indent="  ")


def _experiment_names(comparison: RunComparison) -> str:
    """Return a sentence if the runs have the same arms but are of different experiments."""
    names = list(dict.fromkeys(summary.experiment for summary in comparison.runs))
    return f"Different experiments: {listed(names)}." if len(names) > 1 else ""


def _environment_section(title: str, differences: Sequence[Contrast], first: str = "") -> Iterator[RenderableType]:
    """Yield the sentence `first` and a line for each field; nothing if there is neither."""
    if not differences and not first:
        return
    yield ""
    yield heading(title)
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
