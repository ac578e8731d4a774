"""barehop show: show exactly what an arm would run."""

from dataclasses import replace
from pathlib import Path

import click

from harness.cli.before import RESULTS, gain_rights_for
from harness.cli.configurations import located
from harness.cli.options import config_argument, set_option
from harness.errors import ConfigError, MachineError
from harness.experiment.read import read_experiment
from harness.experiment.wording import did_you_mean
from harness.lab.blueprint import blueprints_of, survey
from harness.lab.by_hand import described, described_service
from harness.model import Experiment
from harness.preflight import available, check_machine


@click.command()
@config_argument
@click.argument("arm")
@set_option
def show(config: Path, arm: str, overrides: tuple[str, ...]) -> None:
    """Show exactly what ARM of CONFIG would run: nginx.conf, command lines, CPUs; start nothing."""
    from harness.report.arrangement import render_stack

    experiment = read_experiment(located(config), overrides)
    _known_arm(experiment, arm)
    gain_rights_for(experiment)
    machine = replace(survey(RESULTS), allow_global=True)
    experiment = available(experiment, machine.parents)
    if arm in experiment.left_out:
        raise MachineError(experiment.left_out[arm])
    check_machine(experiment, machine)
    directory = (RESULTS / experiment.name / "UTC-TIME" / "stack" / "0001").resolve()
    if experiment.arm(arm).settings.url:
        click.echo(render_stack(arm, described_service(experiment.arm(arm))), nl=False)
        return
    blueprints = blueprints_of(experiment, directory, machine)
    blueprint = next(blueprint for blueprint in blueprints if arm in blueprint.targets)
    click.echo(render_stack(arm, described(blueprint, arm)), nl=False)


def _known_arm(experiment: Experiment, name: str) -> None:
    names = [arm.name for arm in experiment.arms]
    if name not in names:
        raise ConfigError(f"There is no arm {name!r} in {experiment.name}.{did_you_mean(name, names)}")
