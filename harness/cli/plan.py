"""barehop plan: show the arms, their order and the expected time, or what to boot."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import RESULTS, find_config
from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import budget_option, config_argument, set_option, with_budget
from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment
from harness.experiment.schedule import forecast_of
from harness.model import Experiment

if TYPE_CHECKING:
    from harness.report.commands.plan import PlannedBoots


@click.command()
@config_argument
@set_option
@budget_option
@click.option("--boots", is_flag=True, help="Show the kernel parameters and commands of each boot, for boot knobs.")
@format_options("json", "markdown", "html")
def plan(config: Path, overrides: tuple[str, ...], budget: float | None, boots: bool, options: FormatOptions) -> None:
    """Show the arms, their order and the expected time. Start nothing."""
    from harness.report.caveats import short_budget_warning
    from harness.report.commands.plan import PlannedRun, boots_report, plan_report
    from harness.session.preflight import comparison_problems
    from harness.testbed.hop_addresses import usual_parents

    overrides = with_budget(overrides, budget)
    experiment = read_experiment(find_config(config), overrides)
    if boots:
        planned_boots = _plan_boots(experiment, config, overrides)
        print_report(boots_report(planned_boots), planned_boots, options)
        return
    forecast = forecast_of(experiment)
    planned = PlannedRun(
        plan=plan_of(experiment, forecast.schedule),
        expected_s=forecast.seconds,
        too_short=short_budget_warning(experiment, forecast),
        problems=tuple(comparison_problems(experiment, usual_parents(RESULTS), tries_rungs=False)),
    )
    print_report(plan_report(planned), planned, options)


def _plan_boots(experiment: Experiment, config: Path, overrides: tuple[str, ...]) -> "PlannedBoots":
    from harness.experiment.designs import boots_of, other_overrides
    from harness.experiment.document import read_document
    from harness.report.commands.plan import plan_boots

    document = read_document(find_config(config), overrides)
    boots = boots_of(document, experiment.design.seed)
    return plan_boots(boots, str(config), document.name, other_overrides(overrides))
