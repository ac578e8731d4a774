"""barehop validate: compare results made elsewhere, and services, with bare arms."""

from pathlib import Path

import click

from harness.cli.common import check_exclusive, check_out_option
from harness.cli.formats import FormatOptions, print_report


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--against",
    "files",
    multiple=True,
    metavar="[[WHERE/]ARCHITECTURE=]FILE",
    help="Output file of a load tool; repeatable; several files for one architecture count as repeated runs. Default: "
    "the url arms of RESULTS, or the write-up's table.",
)
@click.option("--ladder", type=click.Path(path_type=Path), help="Results of the ladder: what its rungs can add.")
@click.option("--json", "as_json", is_flag=True, help="Print the validation as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--out", type=click.Path(path_type=Path), help="With --html: write only the page, to this file.")
@click.option("--html", "as_html", is_flag=True, help="Write validation.html and validation.json; print the path.")
def validate(  # noqa: PLR0913 - click gives a parameter for each option
    results: Path,
    files: tuple[str, ...],
    ladder: Path | None,
    out: Path | None,
    as_json: bool,
    as_markdown: bool,
    as_html: bool,
) -> None:
    """Compare results made elsewhere, or the url arms of RESULTS, with the bare arms in RESULTS."""
    from harness.imports.read import read_all_runs
    from harness.report.sections.validation import validation_report
    from harness.session.validate import validate_run, write_validation

    check_exclusive(json=as_json, markdown=as_markdown, html=as_html)
    check_out_option(out, as_html=as_html)
    validation = validate_run(results, read_all_runs(files) if files else None, ladder)
    if as_html:
        click.echo(write_validation(results, validation, out))
    else:
        options = FormatOptions("json" if as_json else "markdown" if as_markdown else "text")
        print_report(validation_report(validation), validation, options)
