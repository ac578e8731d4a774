"""barehop report: report results again from their records."""

from functools import partial
from pathlib import Path

import click

from harness.cli.formats import DETAILS_HELP, FormatOptions, format_options, print_results
from harness.cli.parameters import complete_file, results_argument
from harness.errors import ConfigError


@click.command()
@results_argument
@format_options(details_help=DETAILS_HELP)
@click.option(
    "--beside",
    multiple=True,
    shell_complete=complete_file,
    metavar="[[WHERE/]ARCHITECTURE=]FILE",
    help="Output file of another load tool to show alongside; repeatable; several files for one architecture count as "
    "repeated runs.",
)
def report(directories: tuple[Path, ...], options: FormatOptions, beside: tuple[str, ...]) -> None:
    """Report results again from their records."""
    from harness.imports.read import read_all_runs
    from harness.session.summarize import html_report, read_directories, read_results, write_reports
    from harness.store.store import Store

    if options.out and len(directories) > 1:
        raise ConfigError("--out names one page: give it with one results directory.")
    read = partial(read_results, foreign=read_all_runs(beside))
    if options.format != "html":
        print_results(read_directories(read, directories), options)
        return
    for directory in directories:
        results = read(directory)
        if options.out:  # the directory may be read-only
            Store(options.out.parent).write_text(options.out.name, html_report(results))
        click.echo(options.out or write_reports(results))
