"""The door: a file for each command, and how each way of ending becomes an exit code."""

import sys
from typing import NoReturn

import click

import harness
from harness.cli import (
    calibrate,
    compare,
    doctor,
    floor,
    listing,
    plan,
    report,
    restore,
    run,
    show,
    tune,
    validate,
)
from harness.cli.printing import say
from harness.ending import abandon_output, interruptible, refusal
from harness.errors import ConfigError, HarnessError, Interrupted, MachineError

COMMANDS = (
    run.run,
    plan.plan,
    show.show,
    report.report,
    compare.compare,
    validate.validate,
    calibrate.calibrate,
    floor.floor,
    restore.restore,
    tune.tune,
    listing.list_everything,
    doctor.doctor,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(harness.__version__, prog_name="barehop")
def cli() -> None:
    """What does a hop between two local processes cost on this Linux machine?"""


for command in COMMANDS:
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command; one sentence and the right exit code for every way of ending."""
    try:
        with interruptible():
            cli(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(ConfigError.exit_code)
    except HarnessError as problem:
        say(str(problem))
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt, Interrupted):
        say("Interrupted. What was measured is kept; nothing is left running.")
        sys.exit(Interrupted.exit_code)
    except BrokenPipeError:
        abandon_output()
        sys.exit(HarnessError.exit_code)
    except OSError as error:
        abandon_output()
        say(str(refusal(error)))
        sys.exit(MachineError.exit_code)
    sys.exit(0)
