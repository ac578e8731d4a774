"""barehop restore: clean up after a killed run."""

import click

from harness.cli.common import lock_machine, print_message, restore_machine
from harness.errors import MachineError, raise_if_any


@click.command()
def restore() -> None:
    """Clean up after a killed run.

    Restore kernel settings and remove directories. The exit code is 3 if that fails.
    """
    with lock_machine():
        recovery = restore_machine()
        raise_if_any(recovery.problems, MachineError)
        if not recovery.restored:
            print_message("Nothing to restore.")
