"""The door: a file for each command."""

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
from harness.ending import enter

NAME = "barehop"
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
@click.version_option(harness.__version__, prog_name=NAME)
def cli() -> None:
    """What does a hop between two local processes cost on this Linux machine?"""


for command in COMMANDS:
    cli.add_command(command)


def main() -> NoReturn:
    enter(cli, NAME)
