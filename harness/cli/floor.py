"""barehop floor: measure the bare transport between two pinned processes."""

from pathlib import Path

import click

from harness.cli.common import find_config, is_config_name, print_message


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def floor(arguments: tuple[str, ...]) -> None:
    """Measure the bare transport between two pinned processes, without nginx and the app.

    Takes the options of pyperf's Runner, like --fast, --rigorous, --affinity and -o. CONFIG gives the payload sizes.
    """
    from harness.floor.bench import measure_floor
    from harness.report.commands.machine import render_floor

    words = [str(find_config(Path(word))) if is_config_name(word) else word for word in arguments]
    measure_floor(words, print_message, render_floor)
