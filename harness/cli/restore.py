"""barehop restore: clean up after a killed run."""

import click

from harness.cli.before import hold_machine, put_back
from harness.cli.printing import say
from harness.errors import MachineError, raise_all


@click.command()
def restore() -> None:
    """Clean up after a killed run: restore kernel settings, remove directories; exit code 3 if that fails."""
    with hold_machine():
        recovery = put_back()
        raise_all(recovery.problems, MachineError)
        if not recovery.back:
            say("Nothing to restore.")
