"""The command line of scripts/seed."""

from pathlib import Path

import click

from harness.cli.parameters import FiniteRange
from harness.console import run_command
from harness.errors import ConfigError
from scripts.seed_study.page import page_of
from scripts.seed_study.study import CHECKOUT, PAGE, RUNS, configured, measure, publish, read_study
from scripts.study_door import made

RESULTS = CHECKOUT / "results"
PUBLISHED = RESULTS / "published" / "seed"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--budget", type=FiniteRange(min=1), metavar="SECONDS", help="Budget of each run, instead of its own.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="A new or empty directory.  [default: results/seed-study/<UTC>]"
)
@click.option("--from", "earlier", type=click.Path(path_type=Path), help="Measure nothing; write the page again.")
@click.option("--publish", "is_published", is_flag=True, help="Write page and summaries to results/published/seed.")
def seed(budget: float | None, out: Path | None, earlier: Path | None, is_published: bool) -> None:
    """Run the experiments that answer the 2021 write-up, and write a page with the answer."""
    if earlier and (budget or out):
        raise ConfigError("--from measures nothing: leave out --budget and --out.")
    directory = earlier.resolve() if earlier else made(out, RESULTS / "seed-study")
    if not earlier:
        for name in sorted(RUNS.keys() - set(configured())):
            _say(f"Configuration {name} not found; the page says what it would measure.")
        measure(directory, budget, _say)
    study = read_study(directory)
    (directory / PAGE).write_text(page_of(study), encoding="utf-8")
    if is_published:
        publish(study, directory, PUBLISHED)
    click.echo(str((PUBLISHED if is_published else directory) / PAGE))


def _say(text: str) -> None:
    click.echo(f"seed: {text}", err=True)


if __name__ == "__main__":
    run_command(seed, "scripts/seed")
