"""barehop calibrate: no false alarm, and known spikes found, on this machine."""

from pathlib import Path

import click

from harness.cli.before import RESULTS, clean_up, gain_rights_for, hold_machine
from harness.cli.configurations import located
from harness.cli.options import FiniteRange, set_option
from harness.cli.printing import in_color
from harness.clock import command_clock
from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from harness.model import Experiment, Settings


@click.command()
@click.argument("config", type=click.Path(path_type=Path), required=False)
@set_option
@click.option("--budget", type=FiniteRange(min=1), default=240.0, show_default=True, metavar="SECONDS")
@click.option("--out", type=click.Path(path_type=Path), help="Where the results go; a new or empty directory.")
@click.option("--json", "as_json", is_flag=True, help="Print the calibration as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def calibrate(  # noqa: PLR0913 - click gives a parameter for each option
    config: Path | None, overrides: tuple[str, ...], budget: float, out: Path | None, as_json: bool, quiet: bool
) -> None:
    """Show on this machine that one arm is not called different from itself, and known spikes are found.

    The arm is the default one, or the reference of CONFIG with barehop's own application.
    """
    clock = command_clock()
    experiment = read_experiment(located(config), overrides) if config else None
    gain_rights_for(experiment)
    from harness import calibrate as calibration
    from harness.conduct import measured
    from harness.report.calibration import render_calibration

    settings = _reference(experiment) if experiment else Settings()
    with hold_machine():
        clean_up()
        asked = calibration.calibration_experiment(settings, budget)
        store = calibration.begun(asked, RESULTS, out, clock, quiet=quiet)
        problem = measured(store, quiet=quiet)
    if problem:
        raise problem
    found = calibration.calibrated(store)
    click.echo(found.model_dump_json(indent=1) if as_json else render_calibration(found, color=in_color()), nl=as_json)


def _reference(experiment: Experiment) -> Settings:
    """Raises ConfigError where it is none of our stacks."""
    arm = experiment.arm(experiment.pairs[0][1])
    if arm.settings.url:
        raise ConfigError(
            f"The reference of {experiment.name}, {arm.name!r}, has a url: known spikes need an application of ours. "
            "Give an experiment whose reference is a stack."
        )
    return arm.settings
