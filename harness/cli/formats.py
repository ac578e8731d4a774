"""The formats of reports: their options, the same for every command, and how a report is printed."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import BaseModel

from harness.console import invocation, is_color_terminal
from harness.errors import ConfigError
from harness.report.document import Report

if TYPE_CHECKING:
    from harness.session.summarize import RunResults

Command = Callable[..., Any]

FORMAT_HELP = {
    "json": "Print JSON.",
    "markdown": "Print Markdown, for a pull request.",
    "csv": "Print one CSV table, for a spreadsheet.",
    "html": "Write a page that needs no network; print its path, or the page itself where it has no place.",
}
DETAILS_HELP = "Print all tables and notes; without it, what fits one screen."
OUT_HELP = "With --html: write only the page, to this file."


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """The format of a report ("text" for the terminal) and the file for its page."""

    format: str = "text"
    out: Path | None = None
    details: bool = False


def format_options(*formats: str, has_out: bool = True, details_help: str = "") -> Callable[[Command], Command]:
    """Give a command the options of `formats` (default: all) and --out, as one argument `options`.

    `has_out` is false for commands with an --out of their own. With `details_help` there is --details.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def call_with_options(*args: Any, **kwargs: Any) -> Any:
            chosen = {name: kwargs.pop(f"as_{name}") for name in formats or FORMAT_HELP}
            out = kwargs.pop("out") if has_out else None
            details = kwargs.pop("details") if details_help else False
            _check_exclusive(chosen)
            if out and not chosen.get("html"):
                raise ConfigError("--out names the page that --html writes: give it with --html.")
            name = next((name for name, is_chosen in chosen.items() if is_chosen), "text")
            return command(*args, options=FormatOptions(name, out, details), **kwargs)

        decorated = call_with_options
        if details_help:
            decorated = click.option("--details", is_flag=True, help=details_help)(decorated)
        if has_out:
            decorated = click.option("--out", type=click.Path(path_type=Path), help=OUT_HELP)(decorated)
        for name in reversed(formats or tuple(FORMAT_HELP)):
            decorated = click.option(f"--{name}", f"as_{name}", is_flag=True, help=FORMAT_HELP[name])(decorated)
        return decorated

    return decorate


def _check_exclusive(chosen: Mapping[str, bool]) -> None:
    if sum(chosen.values()) > 1:
        *most, last = (f"--{name}" for name in chosen)
        raise ConfigError(f"{', '.join(most)} and {last} exclude each other. Give one of them.")


def print_report(report: Report, data: BaseModel, options: FormatOptions, page: Path | None = None) -> None:
    """Print the report in its format; `data` is what --json prints.

    A page goes to the file of --out, or else to `page`, and its path is printed; without either it is printed itself.
    """
    path = options.out or page
    if options.format == "json":
        click.echo(data.model_dump_json(indent=1))
    elif options.format == "html" and path:
        from harness.store.store import Store

        Store(path.parent).write_text(path.name, report_text(report, "html"))
        click.echo(path)
    else:
        click.echo(report_text(report, options.format, details=options.details), nl=False)


def print_results(runs: "Sequence[RunResults]", options: FormatOptions) -> None:
    """Print the reports of runs; their pages are files, which this does not write."""
    if options.format == "csv":
        from harness.report.export.csv_file import render_csv

        click.echo(render_csv(*(run.summary for run in runs)), nl=False)
    elif options.format != "html":
        from harness.report.run_report import report_of

        for run in runs:
            report = report_of(run.summary, run.plan.experiment.design, command=invocation())
            print_report(report, run.summary, options)


def report_text(report: Report, form: str, *, details: bool = False) -> str:
    """Return the report in a format; each loads what it needs."""
    match form:
        case "html":
            from harness.report.html.page import render_page

            return render_page(report)
        case "markdown":
            from harness.report.text.markdown import render_markdown

            return render_markdown(report)
        case "csv":
            from harness.report.export.csv_file import render_tables

            return render_tables(report)
        case _:
            from harness.report.text.terminal import render_terminal

            return render_terminal(report, color=is_color_terminal(os.environ), details=details)
