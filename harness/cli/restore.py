"""barehop restore: put back what a killed run has left."""

import click

from harness.cli.before import clean_up, hold_machine
from harness.cli.printing import say


@click.command()
def restore() -> None:
    """Put back what a killed run has left: values of the machine, directories."""
    with hold_machine():
        if not clean_up():
            say("No run has left anything to put back.")
