"""The command line interface: one file per command."""

from typing import NoReturn

import click

import harness
from harness.cli import calibrate, compare, doctor, floor, listing, plan, report, restore, run, show, tune, validate
from harness.console import run_command
from harness.experiment.problems import suggest

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
    listing.list_plugins,
    doctor.doctor,
)


class Commands(click.Group):
    """A group that suggests the most similar command for a misspelt one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; exit with a suggestion if there is no such command."""
        if args and not self.get_command(ctx, args[0]) and (near := suggest(args[0], self.commands)):
            ctx.fail(f"No such command {args[0]!r}.{near}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(harness.__version__, prog_name=NAME)
def cli() -> None:
    """Measure what the hop from a web server to its application costs on this Linux machine."""


for command in COMMANDS:
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line."""
    run_command(cli, NAME)
