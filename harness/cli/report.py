"""barehop report: report results again from their records."""

from functools import partial
from pathlib import Path

import click

from harness.cli.common import check_exclusive, check_out_option, print_summary


@click.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--csv", "as_csv", is_flag=True, help="Print one CSV table, for a spreadsheet.")
@click.option("--html", "as_html", is_flag=True, help="Write report.html and the other files again; print the path.")
@click.option("--out", type=click.Path(path_type=Path), help="With --html: write only the page, to this file.")
@click.option(
    "--beside",
    multiple=True,
    metavar="[[WHERE/]ARCHITECTURE=]FILE",
    help="Output file of another load tool to show alongside; repeatable; several files for one architecture count as "
    "repeated runs.",
)
def report(  # noqa: PLR0913 - click gives a parameter for each option
    directories: tuple[Path, ...],
    as_json: bool,
    as_markdown: bool,
    as_csv: bool,
    as_html: bool,
    out: Path | None,
    beside: tuple[str, ...],
) -> None:
    """Report the results in one or more directories again from their records."""
    from harness.imports.read import read_all_runs
    from harness.report.export.csv_table import render_csv
    from harness.report.markdown import render_markdown
    from harness.session.summarize import html_report, read_directories, read_results, write_reports
    from harness.store.store import Store

    check_exclusive(json=as_json, markdown=as_markdown, csv=as_csv, html=as_html)
    check_out_option(out, as_html=as_html, directories=len(directories))
    foreign = read_all_runs(beside)
    read = partial(read_results, foreign=foreign)
    if as_html:
        for directory in directories:
            results = read(directory)
            if out:  # the directory may be read-only
                Store(out.parent).write_text(out.name, html_report(results))
            click.echo(out or write_reports(results))
        return
    runs = read_directories(read, directories)
    if as_csv:
        click.echo(render_csv(*(run.summary for run in runs)), nl=False)
        return
    for run in runs:
        if as_markdown:
            click.echo(render_markdown(run.summary, run.plan.experiment.design), nl=False)
        else:
            print_summary(run.summary, run.plan, as_json)
