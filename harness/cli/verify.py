"""barehop verify: check that a results directory is what its id says."""

from pathlib import Path

import click

from harness.cli.parameters import PATH, complete_results
from harness.errors import HarnessError


@click.command()
@click.argument("directory", type=PATH, shell_complete=complete_results)
@click.option("--id", "cited", metavar="ID", help="The id that a report cites. Default: that of summary.json.")
def verify(directory: Path, cited: str | None) -> None:
    """Check that a results directory is what its id says.

    The id is a hash over the experiment, the host, the plan and all sessions. Every report shows it. The exit code is 1
    if the files have another id.
    """
    from harness.session.summarize import read_results
    from harness.store.store import open_store

    results = read_results(directory)
    expected = cited or open_store(directory).read_summary_id()
    sessions = f"{results.summary.sessions} sessions of {results.summary.experiment}"
    if not expected:
        click.echo(f"{directory} has the id {results.summary.id}: {sessions}. Its summary.json names no id to check.")
        return
    if expected.lower() != results.summary.id:
        raise HarnessError(
            f"{directory} is not what its id says: its files have the id {results.summary.id}, not {expected}. A file "
            "was changed, added or removed since that report."
        )
    click.echo(f"{directory} is what its id {results.summary.id} says: {sessions}.")
