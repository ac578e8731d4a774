"""barehop floor: measure the bare transport between two pinned processes."""

from pathlib import Path

import click

from harness.cli.configurations import is_name, located
from harness.cli.printing import say


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def floor(arguments: tuple[str, ...]) -> None:
    """Measure the bare transport between two pinned processes, without nginx and the app.

    Takes the options of pyperf's Runner, like --fast, --rigorous, --affinity and -o. CONFIG gives the payload sizes.
    """
    from harness.floor.script import run as measure_floor

    measure_floor([str(located(Path(word))) if is_name(word) else word for word in arguments], say)
