"""The command line of scripts/precision."""

import math
import shutil
import sys
from pathlib import Path

import click

from harness.cli.parameters import FiniteRange
from harness.console import run_command
from scripts.precision_study.headline.command import headline
from scripts.precision_study.methods import METHODS
from scripts.precision_study.stand import CHECKOUT
from scripts.precision_study.study import FILES, Design, study
from scripts.precision_study.table import Finding
from scripts.study_door import made

RESULTS = CHECKOUT / "results"
PUBLISHED = RESULTS / "published" / "precision"
ALL = tuple(METHODS)
HEADLINE = "--headline"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--seconds", type=FiniteRange(min=1), default=40.0, help="Time per method and repetition.")
@click.option("--repeats", type=click.IntRange(min=1), default=4, help="Repetitions of every method.")
@click.option("--seed", default=1, help="Seed of all random orders.")
@click.option("--method", "methods", type=click.Choice(ALL), multiple=True, default=ALL, help="Only this; repeatable.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="A new or empty directory.  [default: results/precision/<UTC>]"
)
@click.option(HEADLINE, is_flag=True, expose_value=False, help=f"Another study; see {HEADLINE} --help.")
@click.option("--publish", is_flag=True, help="Write the table and the host facts to results/published/precision.")
def precision(  # noqa: PLR0913 - click gives a parameter for each option
    seconds: float, repeats: int, seed: int, methods: tuple[str, ...], out: Path | None, publish: bool
) -> None:
    """Compare the interval widths and A/A false alarms of several methods in equal time."""
    design = Design(methods=tuple(dict.fromkeys(methods)), seconds=seconds, repeats=repeats, seed=seed)
    _say(f"about {math.ceil(design.total_s / 60)} min")
    directory = made(out, RESULTS / "precision")
    study(design, directory, _tell)
    click.echo((directory / "precision.md").read_text(encoding="utf-8"))
    if publish:
        PUBLISHED.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(directory / name, PUBLISHED / name)


def _tell(found: Finding) -> None:
    effect, control = found.effect, found.control
    _say(
        f"{found.repeat} {found.method}: {effect.percent:+.1f} % +- {effect.half_width_percent:.2f}, "
        f"A/A {control.percent:+.1f} % +- {control.half_width_percent:.2f}, {found.seconds:.0f} s"
    )


def _say(text: str) -> None:
    click.echo(f"precision: {text}", err=True)


if __name__ == "__main__":
    run_command(headline if HEADLINE in sys.argv[1:] else precision, "scripts/precision")
