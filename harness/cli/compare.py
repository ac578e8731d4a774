"""barehop compare: compare runs of one experiment from different times or machines."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import print_message
from harness.cli.formats import FormatOptions, format_options, print_report, report_text
from harness.cli.parameters import PATH, FiniteRange, results_argument
from harness.errors import ConfigError, UndecidedError
from harness.model import GATE_METRICS

if TYPE_CHECKING:
    from harness.report.commands.gate import Gate, GateCheck, IfUndecided
    from harness.report.document import Report


@click.command()
@results_argument
@click.option(
    "--gate",
    "percent",
    type=FiniteRange(min=0),
    metavar="PERCENT",
    help="Exit with code 1 if an arm, relative to its reference, regressed by more than PERCENT (95 % CI entirely "
    "above).",
)
@click.option(
    "--metric",
    "metrics",
    type=click.Choice(GATE_METRICS),
    multiple=True,
    help="What the gate checks; repeatable. Default: latency.",
)
@click.option(
    "--undecided",
    type=click.Choice(["pass", "fail", "skip"]),
    help="If an interval contains PERCENT: pass (default), fail, or exit with 125, so that git bisect run skips.",
)
@click.option("--junit", type=PATH, metavar="FILE", help="Write the gate as JUnit XML.")
@click.option(
    "--github-action-benchmark",
    type=PATH,
    metavar="FILE",
    help="Write the last run for github-action-benchmark, as customSmallerIsBetter.",
)
@click.option("--bencher", type=PATH, metavar="FILE", help="Write the last run as JSON for Bencher.")
@format_options()
def compare(  # noqa: PLR0913 - click gives a parameter for each option
    directories: tuple[Path, ...],
    percent: float | None,
    metrics: tuple[str, ...],
    undecided: "IfUndecided | None",
    junit: Path | None,
    github_action_benchmark: Path | None,
    bencher: Path | None,
    options: FormatOptions,
) -> None:
    """Compare runs of one experiment with the first one.

    They may be from other times, machines or kernels.
    """
    if percent is None and (metrics or undecided or junit):
        raise ConfigError("--metric, --undecided and --junit belong to a gate: give --gate PERCENT too.")
    from harness.analysis.between_runs.changes import compare_runs
    from harness.report.commands.ci import render_action_benchmark, render_bencher, render_junit
    from harness.report.commands.compare import comparison_report
    from harness.report.commands.gate import Gate, check_gate, gate_section
    from harness.session.summarize import read_directories, read_run

    comparison = compare_runs(read_directories(read_run, directories), metrics)
    gate = Gate(percent or 0, tuple(dict.fromkeys(metrics)) or ("latency",), undecided or "pass")
    checks = [] if percent is None else check_gate(comparison, gate)
    report = comparison_report(comparison, gate_section(checks, gate) if checks else None)
    last = comparison.runs[-1]
    _write_file(junit, render_junit(comparison.runs, checks, gate))
    _write_file(github_action_benchmark, render_action_benchmark(last))
    _write_file(bencher, render_bencher(last))
    print_report(report, comparison, options)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _tell_github(report, checks, gate)
    _end_by_gate(checks, gate)


def _write_file(path: Path | None, text: str) -> None:
    if path:
        from harness.store.store import Store

        Store(path.parent).write_text(path.name, text)


def _tell_github(report: "Report", checks: "Sequence[GateCheck]", gate: "Gate") -> None:
    """Print annotations, and append the report to the summary of the step that runs this."""
    from harness.report.commands.ci import annotations

    for line in annotations(checks, gate):
        print_message(line)
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(report_text(report, "markdown"))


def _end_by_gate(checks: "Sequence[GateCheck]", gate: "Gate") -> None:
    """Raise the error that the gate ends with; print what is undecided, unless the error says so."""
    from harness.report.commands.gate import gate_error, gate_remarks

    error = gate_error(checks, gate)
    if not isinstance(error, UndecidedError):
        for sentence in gate_remarks(checks, gate):
            print_message(sentence)
    if error:
        raise error
