"""barehop plan: the arms, their order and the expected time, or what to boot."""

from pathlib import Path

import click

from harness.cli.configurations import located
from harness.cli.options import config_argument, set_option
from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment
from harness.experiment.schedule import expected_s, nominal_cost, schedule_of


@click.command()
@config_argument
@set_option
@click.option("--boots", is_flag=True, help="Show what to boot, and to run on each boot, for knobs that booting sets.")
def plan(config: Path, overrides: tuple[str, ...], boots: bool) -> None:
    """Show the arms, their order and the expected time; start nothing."""
    if boots:
        click.echo(_boots(config, overrides), nl=False)
        return
    from harness.report.arrangement import render_plan

    experiment = read_experiment(located(config), overrides)
    cost = nominal_cost(experiment)
    schedule = schedule_of(experiment, cost)
    click.echo(render_plan(plan_of(experiment, schedule), expected_s(schedule, cost)), nl=False)


def _boots(config: Path, overrides: tuple[str, ...]) -> str:
    from harness.experiment.boots import boots_of, still_needed
    from harness.experiment.document import read_document
    from harness.report.boots import render_boots

    experiment = read_experiment(located(config), overrides)
    document = read_document(located(config), overrides)
    boots = boots_of(document, experiment.design.seed)
    return render_boots(boots, str(config), document.name, still_needed(overrides))
