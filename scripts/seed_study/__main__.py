"""The door of scripts/seed: its options, its progress, and how each way of ending becomes an exit code."""

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from harness.errors import ConfigError, HarnessError, Interrupted, MachineError
from scripts.seed_study.page import page_of
from scripts.seed_study.study import CHECKOUT, PAGE, RUNS, configured, measure, publish, read_study

RESULTS = CHECKOUT / "results"
PUBLISHED = RESULTS / "published" / "seed"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--budget", type=click.FloatRange(min=1), metavar="SECONDS", help="For each run, instead of its own.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="A new or empty directory.  [default: results/seed-study/<UTC>]"
)
@click.option("--from", "earlier", type=click.Path(path_type=Path), help="Measure nothing: write this one's page anew.")
@click.option("--publish", "is_published", is_flag=True, help="Put page and summaries into results/published/seed.")
def seed(budget: float | None, out: Path | None, earlier: Path | None, is_published: bool) -> None:
    """Run the experiments that answer the write-up, and write the page that does."""
    if earlier and (budget or out):
        raise ConfigError("--from measures nothing: leave out --budget and --out.")
    directory = earlier.resolve() if earlier else _made(out)
    if not earlier:
        for name in sorted(RUNS.keys() - set(configured())):
            _say(f"There is no configuration {name} here; the page says what it would tell.")
        measure(directory, budget, _say)
    study = read_study(directory)
    (directory / PAGE).write_text(page_of(study), encoding="utf-8")
    if is_published:
        publish(study, directory, PUBLISHED)
    click.echo(str((PUBLISHED if is_published else directory) / PAGE))


def main() -> NoReturn:
    """Run the command. SIGTERM and SIGHUP end it as Ctrl-C does; what was measured stays."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        seed(standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        sys.exit(ConfigError.exit_code)
    except HarnessError as problem:
        _say(str(problem))
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say("Interrupted. What was measured is kept; nothing is left running.")
        sys.exit(Interrupted.exit_code)
    sys.exit(0)


def _made(out: Path | None) -> Path:
    directory = out or RESULTS / "seed-study" / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise MachineError(f"{directory} is not empty. Give --out another directory.")
    return directory.resolve()


def _say(text: str) -> None:
    click.echo(f"seed: {text}", err=True)


if __name__ == "__main__":
    main()
