"""The command line of scripts/pictures."""

import click

from harness.console import run_command
from harness.store.store import Store
from scripts.publication.pictures import picture_files
from scripts.publication.readme import PICTURES, fill_readme
from scripts.publication.results import read_published
from scripts.readme_blocks import README


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def pictures() -> None:
    """Draw the pictures of README again from results/published, and write its numbers."""
    renew_readme()
    click.echo(str(README))


def renew_readme() -> None:
    """Draw the pictures and fill README. Raises ConfigError if README lacks a place, before anything is written."""
    results = read_published()
    readme = fill_readme(README.read_text(encoding="utf-8"), results)
    store = Store(PICTURES)
    for name, text in picture_files(results).items():
        store.write_text(name, text)
    README.write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    run_command(pictures, "scripts/pictures")
