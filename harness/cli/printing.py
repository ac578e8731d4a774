"""Sentences on standard error, results on standard output."""

import sys

import click

from harness.model import Plan, Summary


def say(text: str) -> None:
    click.echo(text, err=True)


def in_color() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def print_summary(summary: Summary, plan: Plan, as_json: bool) -> None:
    if as_json:
        click.echo(summary.model_dump_json(indent=1))
        return
    from harness.report.terminal import render

    click.echo(render(summary, plan.experiment.design, color=in_color()), nl=False)
