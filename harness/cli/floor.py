"""barehop floor: measure the bare transport between two pinned processes."""

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import click

from harness.cli.common import find_config, is_config_name, print_message
from harness.cli.formats import FormatOptions, format_options, print_report


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@format_options(has_out=False)
def floor(arguments: tuple[str, ...], options: FormatOptions) -> None:
    """Measure the bare transport between two pinned processes.

    nginx and the app take no part. Takes the options of pyperf's Runner, like --fast, --rigorous, --affinity and
    -o, and --json, --markdown, --csv or --html for the report. CONFIG gives the payload sizes.
    """
    from harness.floor.bench import measure_floor
    from harness.report.commands.machine import floor_report
    from harness.store.history import read_floor

    words = [str(find_config(Path(word))) if is_config_name(word) else word for word in arguments]
    is_text = options.format == "text"
    with nullcontext() if is_text else redirect_stdout(sys.stderr):  # pyperf prints its progress
        measured = measure_floor(words, print_message)
    if measured.directory is None and is_text:  # only pyperf's file is wanted
        return
    results = read_floor(measured.file)
    steps = [("Results", str(measured.directory or measured.file))]
    page = measured.directory / "floor.html" if measured.directory else None
    click.echo(nl=is_text)
    print_report(floor_report(results, steps), results, options, page)
