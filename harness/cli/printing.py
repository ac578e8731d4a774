"""Sentences on standard error, results on standard output."""

import os

import click

from harness.called import command
from harness.model import Plan, Summary
from harness.output import shows_color


def say(text: str) -> None:
    click.echo(text, err=True)


def in_color() -> bool:
    return shows_color(os.environ)


def print_summary(summary: Summary, plan: Plan, as_json: bool) -> None:
    if as_json:
        click.echo(summary.model_dump_json(indent=1))
        return
    from harness.report.terminal import render

    click.echo(render(summary, plan.experiment.design, command=command(), color=in_color()), nl=False)
