"""The formats of reports: their options, the same for every command, and how a report is printed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from harness.cli.common import check_exclusive, is_color_output
from harness.errors import ConfigError
from harness.report.document import Report

Command = Callable[..., Any]

FORMAT_HELP = {
    "json": "Print JSON.",
    "markdown": "Print Markdown, for a pull request.",
    "csv": "Print one CSV table, for a spreadsheet.",
    "html": "Write a page that needs no network; print its path, or the page itself where it has no place.",
}
OUT_HELP = "With --html: write only the page, to this file."


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """The format of a report ("text" for the terminal) and the file for its page."""

    format: str = "text"
    out: Path | None = None


def format_options(*formats: str, has_out: bool = True) -> Callable[[Command], Command]:
    """Give a command the options of `formats` (default: all) and --out, as one argument `options`.

    `has_out` is false for commands with an --out of their own: the results directory.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def call_with_options(*args: Any, **kwargs: Any) -> Any:
            chosen = {name: kwargs.pop(f"as_{name}") for name in formats or FORMAT_HELP}
            out = kwargs.pop("out") if has_out else None
            check_exclusive(**chosen)
            if out and not chosen.get("html"):
                raise ConfigError("--out names the page that --html writes: give it with --html.")
            name = next((name for name, is_chosen in chosen.items() if is_chosen), "text")
            return command(*args, options=FormatOptions(name, out), **kwargs)

        decorated = call_with_options
        if has_out:
            decorated = click.option("--out", type=click.Path(path_type=Path), help=OUT_HELP)(decorated)
        for name in reversed(formats or tuple(FORMAT_HELP)):
            decorated = click.option(f"--{name}", f"as_{name}", is_flag=True, help=FORMAT_HELP[name])(decorated)
        return decorated

    return decorate


def print_report(report: Report, data: BaseModel, options: FormatOptions, page: Path | None = None) -> None:
    """Print the report in its format; `data` is what --json prints.

    A page goes to the file of --out, or else to `page`, and its path is printed; without either it is printed itself.
    """
    path = options.out or page
    if options.format == "json":
        click.echo(data.model_dump_json(indent=1))
    elif options.format == "html" and path:
        from harness.report.html.page import render_page
        from harness.store.store import Store

        Store(path.parent).write_text(path.name, render_page(report))
        click.echo(path)
    else:
        click.echo(report_text(report, options.format), nl=False)


def report_text(report: Report, form: str) -> str:
    """Return the report as text, Markdown, CSV or a page."""
    if form == "html":
        from harness.report.html.page import render_page

        return render_page(report)
    if form == "markdown":
        from harness.report.markdown import render_markdown

        return render_markdown(report)
    if form == "csv":
        from harness.report.export.csv_table import render_tables

        return render_tables(report)
    from harness.report.terminal import render_terminal

    return render_terminal(report, color=is_color_output())
