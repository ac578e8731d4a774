"""The command line of scripts/publish."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from harness.cli.formats import report_text
from harness.console import run_command
from harness.observe.host.facts import host_facts
from harness.report.run_report import report_of
from harness.session.summarize import read_results
from harness.store.store import Store
from scripts.publication.index import (
    INDEX_DATA,
    INDEX_PAGE,
    Entry,
    Index,
    index_page,
    read_index,
    renew_entries,
    run_entry,
    study_entry,
)
from scripts.publication.measure import is_measured, measure
from scripts.publication.pages import CHECKOUT, PAGES, PUBLISHED, RunPage
from scripts.publication.renew import renew_readme

MEASURED = {page.results: page for page in PAGES if not isinstance(page, RunPage) or not page.is_part}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", type=click.Choice(tuple(MEASURED)), multiple=True, help="Measure only this; repeatable.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=CHECKOUT / "results" / "publication",
    help="Directory of the results. What it has is not measured again.  [default: results/publication]",
)
def publish(only: tuple[str, ...], out: Path) -> None:
    """Measure everything that results/published shows, about 2 hours, and write its pages, their index and README.

    An interrupted call continues where it was. Pages are written from all results in the directory, so a call without
    anything to measure only renews the pages.
    """
    directory = out.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    index = read_index()
    for page in [page for name, page in MEASURED.items() if not only or name in only]:
        was_measured = is_measured(page, directory)
        measure(page, directory, _say)
        if not isinstance(page, RunPage) and not was_measured:
            date = datetime.now(UTC).date().isoformat()
            index = renew_entries(index, [study_entry(page, date, host_facts({}))])
            _write(index)
    _write(renew_entries(index, _write_runs(directory)))
    renew_readme()
    click.echo(str(INDEX_PAGE))


def _write_runs(directory: Path) -> Iterator[Entry]:
    """Write the page of every run in the directory; yield its entry."""
    for page in PAGES:
        if isinstance(page, RunPage) and (directory / page.results).is_dir():
            results = read_results(directory / page.results)
            target = PUBLISHED / page.page
            target.parent.mkdir(parents=True, exist_ok=True)
            summary = results.summary.model_copy(update={"directory": page.config})
            entry = run_entry(page, results)
            report = report_of(summary, results.plan.experiment.design, command="barehop")
            measured = f"Measured on {entry.date}: {entry.machine}."
            report = replace(report, certainty=[*report.certainty, measured])
            text = report_text(report, "markdown").replace(str(CHECKOUT), "barehop")  # no directory of this machine
            target.write_text(text, encoding="utf-8")
            yield entry


def _write(index: Index) -> None:
    Store(PUBLISHED).write_json(INDEX_DATA.name, index)
    INDEX_PAGE.write_text(index_page(index), encoding="utf-8")


def _say(text: str) -> None:
    click.echo(f"publish: {text}", err=True)


if __name__ == "__main__":
    run_command(publish, "scripts/publish")
