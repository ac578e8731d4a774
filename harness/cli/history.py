"""barehop history: all results in a directory, and how their contrasts changed."""

import os
from pathlib import Path

import click

from harness.cli.common import RESULTS
from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import PATH, complete_results

PAGE = "history.html"


@click.command()
@click.argument("directory", type=PATH, default=RESULTS, shell_complete=complete_results)
@format_options(details_help="Print long names in full; without it, a run has one line.")
def history(directory: Path, options: FormatOptions) -> None:
    """List all results below a directory, and what changed.

    DIR is by default ./results. --html writes DIR/history.html: the trend of each contrast over time, with links to the
    reports.
    """
    from harness.analysis.between_runs.history import history_of
    from harness.report.commands.history import history_report
    from harness.store.briefs import read_briefs

    page = directory / PAGE
    runs = history_of(str(directory), *read_briefs(directory))
    start = os.fspath((options.out or page).parent)
    print_report(history_report(runs, start), runs, options, page)
