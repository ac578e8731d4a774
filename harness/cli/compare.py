"""barehop compare: compare runs of one experiment from different times or machines."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import print_message
from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import FiniteRange, results_argument
from harness.errors import HarnessError, raise_if_any

if TYPE_CHECKING:
    from harness.analysis.between_runs.changes import RunComparison


@click.command()
@results_argument
@click.option(
    "--gate",
    type=FiniteRange(min=0),
    metavar="PERCENT",
    help="Exit with code 1 if an arm, relative to its reference, regressed by more than PERCENT (95 % CI entirely "
    "above).",
)
@format_options()
def compare(directories: tuple[Path, ...], gate: float | None, options: FormatOptions) -> None:
    """Compare runs of one experiment with the first one.

    They may be from other times, machines or kernels.
    """
    from harness.analysis.between_runs.changes import compare_runs
    from harness.report.commands.compare import comparison_report
    from harness.session.summarize import read_directories, read_run

    comparison = compare_runs(read_directories(read_run, directories))
    print_report(comparison_report(comparison), comparison, options)
    if gate is not None:
        _check_gate(comparison, gate)


def _check_gate(comparison: "RunComparison", gate: float) -> None:
    """Print what cannot be decided; raise HarnessError with all regressions."""
    from harness.report.commands.compare import gate_failures, gate_remarks

    for sentence in gate_remarks(comparison, gate):
        print_message(sentence)
    raise_if_any(gate_failures(comparison, gate), HarnessError)
