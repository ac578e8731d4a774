"""barehop tune: a command on a machine set for measuring."""

import sys

import click

from harness.cli.before import clean_up, hold_machine
from harness.cli.printing import say


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def tune(command: tuple[str, ...]) -> None:
    """Run COMMAND with the machine set for measuring, put everything back after it; the exit code is COMMAND's.

    Governor performance, no boost, no deep sleep, in a virtual machine polling before halting, huge pages on request.
    What this machine does not take is said. Services like irqbalance are not stopped; barehop doctor tells of them.
    """
    from harness.tune import checked, run_tuned

    checked_command = checked(command)
    with hold_machine():
        clean_up()
    sys.exit(run_tuned(checked_command, say))
