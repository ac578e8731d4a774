"""The command line interface: one file per command, imported only when it is needed."""

from importlib import import_module
from typing import NoReturn

import click

import harness
from harness.console import run_command
from harness.experiment.problems import suggest

NAME = "barehop"
COMMANDS = {  # name: its file and function
    "init": ("init", "init"),
    "run": ("run", "run"),
    "serve": ("serve", "serve"),
    "plan": ("plan", "plan"),
    "show": ("show", "show"),
    "report": ("report", "report"),
    "advise": ("advise", "advise"),
    "compare": ("compare", "compare"),
    "pool": ("pool", "pool"),
    "fleet": ("fleet", "fleet"),
    "history": ("history", "history"),
    "validate": ("validate", "validate"),
    "verify": ("verify", "verify"),
    "calibrate": ("calibrate", "calibrate"),
    "floor": ("floor", "floor"),
    "restore": ("restore", "restore"),
    "tune": ("tune", "tune"),
    "list": ("listing", "list_plugins"),
    "schema": ("schema", "schema"),
    "doctor": ("doctor", "doctor"),
}


class Commands(click.Group):
    """The commands, in their order; a misspelt one gets a suggestion."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Return the command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"harness.cli.{module}"), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; exit with a suggestion if there is no such command."""
        if args and args[0] not in COMMANDS and (near := suggest(args[0], COMMANDS)):
            ctx.fail(f"No such command {args[0]!r}.{near}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(harness.__version__, prog_name=NAME)
def cli() -> None:
    """Measure what the hop from a web server to its application costs on this Linux machine."""


def main() -> NoReturn:
    """Run the command line."""
    run_command(cli, NAME)
