"""barehop plan: show the arms, their order and the expected time, or what to boot."""

from pathlib import Path

import click

from harness.cli.configurations import located
from harness.cli.options import budget_option, config_argument, set_option, with_budget
from harness.experiment.forecast import forecast_of
from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment


@click.command()
@config_argument
@set_option
@budget_option
@click.option("--boots", is_flag=True, help="Show the kernel parameters and commands of each boot, for boot knobs.")
def plan(config: Path, overrides: tuple[str, ...], budget: float | None, boots: bool) -> None:
    """Show the arms, their order and the expected time; start nothing."""
    overrides = with_budget(overrides, budget)
    if boots:
        click.echo(_boots(config, overrides), nl=False)
        return
    from harness.report.arrangement import render_plan
    from harness.report.budget import too_short

    experiment = read_experiment(located(config), overrides)
    forecast = forecast_of(experiment)
    planned = plan_of(experiment, forecast.schedule)
    click.echo(render_plan(planned, forecast.seconds, too_short(experiment, forecast)), nl=False)


def _boots(config: Path, overrides: tuple[str, ...]) -> str:
    from harness.experiment.boots import boots_of, still_needed
    from harness.experiment.document import read_document
    from harness.report.boots import render_boots

    experiment = read_experiment(located(config), overrides)
    document = read_document(located(config), overrides)
    boots = boots_of(document, experiment.design.seed)
    return render_boots(boots, str(config), document.name, still_needed(overrides))
