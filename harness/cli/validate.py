"""barehop validate: compare results made elsewhere, and services, with bare arms."""

from pathlib import Path

import click

from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import PATH, complete_file, complete_results


@click.command()
@click.argument("results", type=PATH, shell_complete=complete_results)
@click.option(
    "--against",
    "files",
    multiple=True,
    shell_complete=complete_file,
    metavar="[[WHERE/]ARCHITECTURE=]FILE",
    help="Output file of a load tool; repeatable; several files for one architecture count as repeated runs. Default: "
    "the url arms of RESULTS, or the write-up's table.",
)
@click.option(
    "--ladder", type=PATH, shell_complete=complete_results, help="Results of the ladder: what its rungs can add."
)
@format_options()
def validate(results: Path, files: tuple[str, ...], ladder: Path | None, options: FormatOptions) -> None:
    """Compare results made elsewhere with the bare arms of RESULTS.

    Without --against these are the url arms of RESULTS, or the table of the write-up of 2021.
    --html writes validation.html and validation.json into RESULTS.
    """
    from harness.imports.read import read_all_runs
    from harness.report.commands.validation import validation_report
    from harness.session.validate import validate_run
    from harness.store.store import open_store

    validation = validate_run(results, read_all_runs(files) if files else None, ladder)
    if options.format == "html" and not options.out:
        open_store(results).write_json("validation.json", validation)
    print_report(validation_report(validation), validation, options, results / "validation.html")
