"""barehop compare: compare runs of one experiment from different times or machines."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import FiniteRange
from harness.cli.printing import in_color, say
from harness.errors import HarnessError, raise_all

if TYPE_CHECKING:
    from harness.analysis.across.runs import RunComparison


@click.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--gate",
    type=FiniteRange(min=0),
    metavar="PERCENT",
    help="Exit with code 1 if an arm, relative to its reference, regressed by more than PERCENT (95 % CI entirely "
    "above).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(directories: tuple[Path, ...], gate: float | None, as_json: bool) -> None:
    """Compare runs of one experiment, from other times, machines or kernels, with the first one."""
    from harness.analysis.across.runs import compare_runs
    from harness.conclude import read_each, read_run
    from harness.report.comparison.terminal import render_comparison

    comparison = compare_runs(read_each(read_run, directories))
    if as_json:
        click.echo(comparison.model_dump_json(indent=1))
    else:
        click.echo(render_comparison(comparison, color=in_color()), nl=False)
    if gate is not None:
        _pass(comparison, gate)


def _pass(comparison: "RunComparison", gate: float) -> None:
    """Print what cannot be decided; raise HarnessError with all regressions."""
    from harness.report.comparison.gate import gate_broken, gate_open

    for sentence in gate_open(comparison, gate):
        say(sentence)
    raise_all(gate_broken(comparison, gate), HarnessError)
