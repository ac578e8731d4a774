"""barehop restore: put back what a killed run has left."""

import click

from harness.cli.before import clean_up
from harness.cli.printing import say
from harness.lab.lock import only_run


@click.command()
def restore() -> None:
    """Put back what a killed run has left: values of the machine, directories."""
    with only_run():
        if not clean_up():
            say("No run has left anything to put back.")
