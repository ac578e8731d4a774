"""barehop plan: show the arms, their order and the expected time, or what to boot."""

from pathlib import Path

import click

from harness.cli.common import budget_option, config_argument, find_config, set_option, with_budget
from harness.experiment.read import read_experiment
from harness.experiment.schedule import forecast_of, plan_of


@click.command()
@config_argument
@set_option
@budget_option
@click.option("--boots", is_flag=True, help="Show the kernel parameters and commands of each boot, for boot knobs.")
def plan(config: Path, overrides: tuple[str, ...], budget: float | None, boots: bool) -> None:
    """Show the arms, their order and the expected time; start nothing."""
    overrides = with_budget(overrides, budget)
    if boots:
        click.echo(_render_boots(config, overrides), nl=False)
        return
    from harness.report.caveats import short_budget_warning
    from harness.report.commands.plan import render_plan

    experiment = read_experiment(find_config(config), overrides)
    forecast = forecast_of(experiment)
    planned = plan_of(experiment, forecast.schedule)
    click.echo(render_plan(planned, forecast.seconds, short_budget_warning(experiment, forecast)), nl=False)


def _render_boots(config: Path, overrides: tuple[str, ...]) -> str:
    from harness.experiment.designs import boots_of, other_overrides
    from harness.experiment.document import read_document
    from harness.report.commands.plan import render_boots

    experiment = read_experiment(find_config(config), overrides)
    document = read_document(find_config(config), overrides)
    boots = boots_of(document, experiment.design.seed)
    return render_boots(boots, str(config), document.name, other_overrides(overrides))
