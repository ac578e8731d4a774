"""barehop restore: put back what a killed run has left."""

import click

from harness.cli.before import hold_machine, put_back
from harness.cli.printing import say
from harness.errors import MachineError, raise_all


@click.command()
def restore() -> None:
    """Put back what a killed run has left: values of the machine, directories; exit code 3 where that fails."""
    with hold_machine():
        found = put_back()
        raise_all(found.problems, MachineError)
        if not found.back:
            say("No run has left anything to put back.")
