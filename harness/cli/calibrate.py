"""barehop calibrate: check for false alarms and for the detection of known delays."""

from pathlib import Path

import click

from harness.cli.common import RESULTS, clean_up, find_config, gain_rights_for, lock_machine
from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import FiniteRange, optional_config_argument, set_option
from harness.errors import ConfigError
from harness.experiment.read import read_experiment
from harness.model import Experiment, Settings
from harness.session.time_budget import command_clock


@click.command()
@optional_config_argument
@set_option
@click.option("--budget", type=FiniteRange(min=1), default=240.0, show_default=True, metavar="SECONDS")
@click.option("--out", type=click.Path(path_type=Path), help="Results directory; must be new or empty.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@format_options("json", "markdown", "html", has_out=False)
def calibrate(  # noqa: PLR0913 - click gives a parameter for each option
    config: Path | None,
    overrides: tuple[str, ...],
    budget: float,
    out: Path | None,
    quiet: bool,
    options: FormatOptions,
) -> None:
    """Check this machine: an A/A test and injected spikes.

    Equal arms must show no difference, and spikes must be detected. The arm is the default one, or the reference of
    CONFIG with barehop's own application.
    """
    clock = command_clock()
    experiment = read_experiment(find_config(config), overrides) if config else None
    gain_rights_for(experiment)
    from harness.report.commands.machine import calibration_report
    from harness.report.commands.progress import show_progress
    from harness.session import calibrate as calibration
    from harness.session.run_experiment import measure_run

    settings = _reference_settings(experiment) if experiment else Settings()
    with lock_machine(), show_progress(is_quiet=quiet) as progress:
        clean_up()
        spiked = calibration.calibration_experiment(settings, budget)
        run = calibration.prepare_calibration(spiked, RESULTS, out, clock, progress)
        measure_run(run)
    result = calibration.write_calibration(run)
    print_report(calibration_report(result), result, options, run.store.directory / "calibration.html")


def _reference_settings(experiment: Experiment) -> Settings:
    """Return the settings of the reference. Raises ConfigError if it has a url."""
    arm = experiment.arm(experiment.pairs[0][1])
    if arm.settings.url:
        raise ConfigError(
            f"The reference of {experiment.name}, {arm.name!r}, has a url: spikes are injected by barehop's own "
            "application. Give an experiment whose reference has no url."
        )
    return arm.settings
