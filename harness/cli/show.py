"""barehop show: show exactly what an arm would run."""

from dataclasses import replace
from pathlib import Path

import click

from harness.cli.common import RESULTS, find_config, gain_rights_for
from harness.cli.formats import report_text
from harness.cli.parameters import complete_arm, config_argument, set_option
from harness.errors import ConfigError, MachineError
from harness.experiment.problems import did_you_mean
from harness.experiment.read import read_experiment
from harness.model import Experiment
from harness.session.preflight import check_machine, without_unavailable_arms
from harness.testbed.blueprint import blueprints_of, survey_machine
from harness.testbed.dry_run import describe_arm, describe_service


@click.command()
@config_argument
@click.argument("arm", shell_complete=complete_arm)
@set_option
def show(config: Path, arm: str, overrides: tuple[str, ...]) -> None:
    """Show exactly what ARM of CONFIG would run. Start nothing.

    The output has nginx.conf, the command lines and the CPUs.
    """
    from harness.report.commands.plan import stack_report

    experiment = read_experiment(find_config(config), overrides)
    _check_arm(experiment, arm)
    gain_rights_for(experiment)
    machine = replace(survey_machine(RESULTS), allows_host_values=True)
    experiment = without_unavailable_arms(experiment, machine.parents)
    if arm in experiment.left_out:
        raise MachineError(experiment.left_out[arm])
    check_machine(experiment, machine)
    directory = (RESULTS / experiment.name / "UTC-TIME" / "stack" / "0001").resolve()
    if experiment.arm(arm).settings.url:
        parts = describe_service(experiment.arm(arm))
    else:
        blueprints = blueprints_of(experiment, directory, machine)
        parts = describe_arm(next(blueprint for blueprint in blueprints if arm in blueprint.targets), arm)
    click.echo(report_text(stack_report(arm, parts), "text"), nl=False)


def _check_arm(experiment: Experiment, name: str) -> None:
    names = [arm.name for arm in experiment.arms]
    if name not in names:
        raise ConfigError(f"There is no arm {name!r} in {experiment.name}.{did_you_mean(name, names)}")
