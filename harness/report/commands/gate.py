"""The gate of `barehop compare`: which changes break it, which pass it, and which it cannot decide.

A run that is not reliable decides nothing alone: its control limits what can be told, and a doubt about all of its
numbers leaves every change from or to it undecided.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis.between_runs.changes import RunChange, RunComparison
from harness.analysis.between_runs.reliability import INVALID, UNRELIABLE
from harness.errors import ConfigError, HarnessError, UndecidedError, raise_if_any
from harness.model import METRICS, Summary
from harness.report.cells import percent_cell
from harness.report.document import Column, Row, Section, Table, TextCell
from harness.report.format import (
    format_significant,
    percent_interval,
    percent_with_interval,
    pluralize,
    size_with_interval,
)
from harness.report.select import control_comparisons, is_control

GateState = Literal["pass", "fail", "undecided", "no verdict"]
IfUndecided = Literal["pass", "fail", "skip"]
ADVICE = {
    "instructions": "Counting them needs perf and hardware counters, which most virtual machines lack; use cpu.",
    "p99": "It needs 1000 requests of each arm in every session; give the runs a longer budget.",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """The limit in percent, the metrics that it applies to, and what an undecided comparison means."""

    percent: float
    metrics: tuple[str, ...]
    if_undecided: IfUndecided = "pass"


@dataclass(frozen=True, slots=True)
class GateCheck:
    """A change, whether it passes the gate, and the same in a sentence; `doubt` is why the runs cannot decide it."""

    change: RunChange
    state: GateState
    text: str
    doubt: str = ""


def check_gate(comparison: RunComparison, gate: Gate) -> list[GateCheck]:
    """Return a check of each change in the metrics of the gate, without controls.

    A change fails if its whole 95 % interval lies above the limit: an arm that got slower by exactly the limit fails in
    2.5 % of comparisons, an unchanged arm practically never. It is undecided if the limit lies in its interval, or so
    near that a control in one of the runs differs by more, or if a run has a doubt about all of its numbers. Changes
    are relative to the reference arm, so a slowdown of both is not detected. Raise ConfigError if a run lacks a metric.
    """
    raise_if_any(_missing_metrics(comparison, gate.metrics), ConfigError)
    return [
        _check(change, gate.percent, comparison.runs)
        for metric in gate.metrics
        for change in comparison.changes
        if change.metric == metric and not is_control(comparison.runs[0], change)
    ]


def _missing_metrics(comparison: RunComparison, metrics: Sequence[str]) -> Iterable[str]:
    """Yield a sentence for each run and metric without a change: a gate that checks nothing must not pass."""
    compared = {(change.metric, change.run) for change in comparison.changes}
    for metric in metrics:
        for run in range(2, len(comparison.runs) + 1):
            if (metric, run) not in compared:
                advice = ADVICE.get(metric, "Choose another --metric.")
                yield f"There is no {METRICS[metric].label} to compare in run 1 and run {run}. {advice}"


def _check(change: RunChange, percent: float, runs: Sequence[Summary]) -> GateCheck:
    """Return the check of a change. One without a verdict fails later: a failing service must not pass."""
    interval, metric = percent_interval(change), METRICS[change.metric]
    subject = f"Run {change.run}, {change.arm} compared with {change.against}"
    if change.verdict is None or interval is None:
        return GateCheck(change, "no verdict", f"{subject}, {metric.label}: no verdict. {change.why}")
    size, distance = percent_with_interval(interval), min(abs(end - percent) for end in interval.ends)
    undecided = f"{subject}: whether {metric.higher} than in run 1 by more than {percent:g} % is undecided: {size}."
    doubt = _doubt(change, distance, runs)
    if doubt or interval.low <= percent < interval.high:
        return GateCheck(change, "undecided", f"{undecided} {doubt or 'More sessions would decide it.'}", doubt)
    if interval.low > percent:
        size = size_with_interval(interval)
        text = f"{subject}: {metric.higher} than in run 1 {size}, beyond the gate of {percent:g} %."
        return GateCheck(change, "fail", text)
    return GateCheck(change, "pass", f"{subject}, {metric.label}: {size}, within the gate of {percent:g} %.")


def _doubt(change: RunChange, distance: float, runs: Sequence[Summary]) -> str:
    """Return why the runs cannot decide a change with its interval `distance` percent from the limit, or ""."""
    sentences = []
    for number in (1, change.run):
        run = runs[number - 1]
        if reasons := dict.fromkeys(doubt.seen for doubt in run.doubts if doubt.kind in (*UNRELIABLE, *INVALID)):
            sentences.append(f"Run {number} is not {'reliable' if run.valid else 'valid'}. {' '.join(reasons)}")
        if (off := _control_percent(run, change.metric)) > distance:
            trust = f"trust no difference below {format_significant(off, 2)} %"
            sentences.append(f"In run {number} the control could not be shown equal: {trust}.")
    return " ".join(sentences)


def _control_percent(run: Summary, metric: str) -> float:
    """Return how far a control may be off in the metric, or else in the headline metric; 0 where controls are equal."""
    controls = control_comparisons(run, metric) or control_comparisons(run)
    intervals = [percent_interval(control) for control in controls if control.verdict != "equivalent"]
    return max((abs(end) for interval in intervals if interval for end in interval.ends), default=0.0)


def is_failure(check: GateCheck, gate: Gate) -> bool:
    """Return whether the check breaks the gate."""
    return check.state in ("fail", "no verdict") or (check.state == "undecided" and gate.if_undecided == "fail")


def gate_error(checks: Sequence[GateCheck], gate: Gate) -> HarnessError | None:
    """Return the error that the command ends with; None if the gate holds. A failure outweighs what is undecided."""
    if failures := [check.text for check in checks if is_failure(check, gate)]:
        return HarnessError("\n".join(failures))
    undecided = gate_remarks(checks, gate) if gate.if_undecided == "skip" else []
    return UndecidedError("\n".join(undecided)) if undecided else None


def gate_remarks(checks: Sequence[GateCheck], gate: Gate) -> list[str]:
    """Return a sentence for each check that is undecided and does not break the gate."""
    return [check.text for check in checks if check.state == "undecided" and not is_failure(check, gate)]


def gate_section(checks: Sequence[GateCheck], gate: Gate) -> Section:
    """Return the section on the gate: a row for each check."""
    columns = [Column("comparison"), Column("metric"), Column("change", "95 % interval"), Column("gate")]
    rows = [
        Row(
            [
                TextCell(f"{check.change.arm} against {check.change.against}, run {check.change.run}"),
                TextCell(METRICS[check.change.metric].label),
                percent_cell(check.change),
                TextCell(check.state),
            ]
        )
        for check in checks
    ]
    failures = sum(is_failure(check, gate) for check in checks)
    sentence = f"{pluralize(failures, 'failure')} in {pluralize(len(checks), 'check')}."
    doubts = dict.fromkeys(check.doubt for check in checks if check.doubt)
    return Section(f"Gate of {gate.percent:g} %", [sentence, *doubts], [Table("", columns, rows)])
