"""barehop doctor: report what can be concluded on this machine."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from harness.cli.common import RESULTS, find_config, gain_rights_for
from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import FiniteRange, optional_config_argument, set_option
from harness.experiment.read import read_experiment
from harness.testbed.blueprint import survey_machine


@click.command()
@optional_config_argument
@set_option
@click.option(
    "--seconds",
    type=FiniteRange(0, 3600),
    default=1.0,
    show_default=True,
    help="Seconds to watch each CPU for noise; 0: do not watch.",
)
@format_options("json", "markdown", "html")
def doctor(config: Path | None, overrides: tuple[str, ...], seconds: float, options: FormatOptions) -> None:
    """Report what can be concluded on this machine. Change nothing.

    With CONFIG, report what can be concluded from that experiment.
    """
    experiment = read_experiment(find_config(config), overrides) if config else None
    gain_rights_for(experiment)
    from harness.report.commands.machine import doctor_report
    from harness.session.doctor import diagnose, exit_code

    diagnosis = diagnose(experiment, replace(survey_machine(RESULTS), allows_host_values=True), seconds)
    print_report(doctor_report(diagnosis), diagnosis, options)
    sys.exit(exit_code(diagnosis))
