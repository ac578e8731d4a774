"""barehop tune: run a command on a tuned machine."""

import sys

import click

from harness.cli.common import clean_up, lock_machine, print_message


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def tune(command: tuple[str, ...]) -> None:
    """Tune the machine, run COMMAND, then restore all settings.

    The exit code is that of COMMAND. Sets governor performance, no boost, no deep idle states, halt polling in a
    virtual machine, huge pages on request. Reports settings that this machine lacks. Does not stop services like
    irqbalance; barehop doctor lists them.
    """
    from harness.session.tune import find_command, run_tuned

    checked_command = find_command(command)
    with lock_machine():
        clean_up()
    sys.exit(run_tuned(checked_command, print_message))
