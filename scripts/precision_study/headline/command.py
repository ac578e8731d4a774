"""The command line of scripts/precision --headline."""

import math
import shlex
import shutil
from pathlib import Path

import click

from harness.cli.parameters import FiniteRange, set_option
from harness.errors import ConfigError, HarnessError, Interrupted
from scripts.precision_study.headline.design import MORE, Design
from scripts.precision_study.headline.page import Result, fill_readme
from scripts.precision_study.headline.study import FILES, measure, read_design
from scripts.precision_study.stand import CHECKOUT
from scripts.readme_blocks import README
from scripts.study_door import made

RESULTS = CHECKOUT / "results" / "headline"
PUBLISHED = CHECKOUT / "results" / "published" / "precision"
RUNS, BUDGET_S, SEED = 20, 60.0, 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--headline", is_flag=True, expose_value=False, help="This study.")
@click.option("--runs", type=click.IntRange(min=1), help=f"Runs of each kind.  [default: {RUNS}]")
@click.option("--budget", type=FiniteRange(min=1), metavar="SECONDS", help=f"Of each run.  [default: {BUDGET_S:g}]")
@click.option("--seed", type=int, help=f"Seed of the order and of all runs.  [default: {SEED}]")
@set_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="A new or empty directory.  [default: results/headline/<UTC>]"
)
@click.option("--resume", type=click.Path(path_type=Path), help="Continue the study in this directory.")
@click.option("--publish", is_flag=True, help="Write the files to results/published/precision, and README's headline.")
def headline(  # noqa: PLR0913 - click gives a parameter for each option
    runs: int | None,
    budget: float | None,
    seed: int | None,
    overrides: tuple[str, ...],
    out: Path | None,
    resume: Path | None,
    publish: bool,
) -> None:
    """Measure how often a run of one minute finds one percent more work, and how often it calls equal arms different.

    Half of the runs compare TCP with itself, half with an app that burns 1 % of a request's time, in random order. An
    interrupted study continues with --resume; it repeats no finished run.
    """
    if resume and (runs or budget or overrides or out or seed is not None):
        raise ConfigError("--resume continues a study as planned: leave out --runs, --budget, --seed, --set and --out.")
    design = (
        read_design(resume)
        if resume
        else Design(
            runs=runs or RUNS, budget_s=budget or BUDGET_S, seed=SEED if seed is None else seed, overrides=overrides
        )
    )
    directory = resume.resolve() if resume else made(out, RESULTS)
    _say(f"about {math.ceil(design.total_s / 60)} min in all, in {directory}")
    _say(f"order (seed {design.seed}; + is {MORE}): {' '.join('+' if kind == MORE else '=' for kind in design.order)}")
    result = _measure(design, directory)
    click.echo((directory / FILES[0]).read_text(encoding="utf-8"))
    if publish:
        _publish(result, directory)


def _measure(design: Design, directory: Path) -> Result:
    """Measure the study; every early end says how to continue."""
    how = f"Continue it  scripts/precision --headline --resume {shlex.quote(str(directory))}"
    try:
        return measure(design, directory, _say)
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(f"Interrupted. Nothing is left running; finished runs are kept.\n{how}") from None
    except HarnessError as problem:
        raise type(problem)(f"{problem}\nFinished runs are kept.\n{how}") from None


def _publish(result: Result, directory: Path) -> None:
    filled = fill_readme(README.read_text(encoding="utf-8"), result)
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(directory / name, PUBLISHED / name)
    README.write_text(filled, encoding="utf-8")


def _say(text: str) -> None:
    click.echo(f"precision: {text}", err=True)
