"""Print messages to standard error and results to standard output."""

import os

import click

from harness.called import command
from harness.model import Plan, Summary
from harness.output import shows_color


def say(text: str) -> None:
    """Print a message to standard error."""
    click.echo(text, err=True)


def in_color() -> bool:
    """Return whether to print results in color."""
    return shows_color(os.environ)


def print_summary(summary: Summary, plan: Plan, as_json: bool) -> None:
    """Print the report of a run, or its summary as JSON."""
    if as_json:
        click.echo(summary.model_dump_json(indent=1))
        return
    from harness.report.terminal import render

    click.echo(render(summary, plan.experiment.design, command=command(), color=in_color()), nl=False)
