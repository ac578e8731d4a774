"""barehop report: report results again from their records."""

from functools import partial
from pathlib import Path

import click

from harness.cli.options import check_out, only_one
from harness.cli.printing import print_summary


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
    from harness.conclude import read_each, read_summary, write_anew, write_page
    from harness.evidence.foreign.read import read_all
    from harness.report.csv_table import render_csv
    from harness.report.markdown import render_markdown

    only_one(json=as_json, markdown=as_markdown, csv=as_csv, html=as_html)
    check_out(out, as_html=as_html, directories=len(directories))
    foreign = read_all(beside)
    if as_html:
        for directory in directories:
            click.echo(write_page(directory, out, foreign) if out else write_anew(directory, foreign))
        return
    results = read_each(partial(read_summary, foreign=foreign), directories)
    if as_csv:
        click.echo(render_csv(*(summary for summary, _ in results)), nl=False)
        return
    for summary, plan in results:
        if as_markdown:
            click.echo(render_markdown(summary, plan.experiment.design), nl=False)
        else:
            print_summary(summary, plan, as_json)
