"""barehop doctor: report what can be concluded on this machine."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from harness.cli.before import RESULTS, gain_rights_for
from harness.cli.configurations import located
from harness.cli.options import FiniteRange, set_option
from harness.experiment.read import read_experiment
from harness.lab.blueprint import survey


@click.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@set_option
@click.option(
    "--seconds",
    type=FiniteRange(0, 3600),
    default=1.0,
    show_default=True,
    help="Seconds to watch each CPU for noise; 0: do not watch.",
)
def doctor(config: Path | None, overrides: tuple[str, ...], seconds: float) -> None:
    """Report what can be concluded on this machine (with CONFIG: from that experiment); change nothing."""
    experiment = read_experiment(located(config), overrides) if config else None
    gain_rights_for(experiment)
    from harness.doctor import examined, exit_code
    from harness.report.findings import render_doctor

    findings, conclusions = examined(experiment, replace(survey(RESULTS), allow_global=True), seconds)
    click.echo(render_doctor(findings, conclusions), nl=False)
    sys.exit(exit_code(findings))
