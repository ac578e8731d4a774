"""barehop run: measure an experiment or resume an interrupted run, and report it."""

from pathlib import Path

import click

from harness.cli.common import (
    RESULTS,
    budget_option,
    clean_up,
    find_config,
    gain_rights_for,
    hold_machine,
    print_summary,
    set_option,
    with_budget,
)
from harness.errors import ConfigError, HarnessError
from harness.exits import explain_interrupt
from harness.experiment.read import read_experiment
from harness.session.pace import command_clock
from harness.store.store import Store, open_store


@click.command()
@click.argument("config", type=click.Path(path_type=Path), required=False)
@set_option
@budget_option
@click.option("--out", type=click.Path(path_type=Path), help="Results directory; must be new or empty.")
@click.option("--resume", type=click.Path(path_type=Path), help="Resume the interrupted run in this directory.")
@click.option("--allow-global", is_flag=True, help="Let knobs change host-wide settings; restored at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of the report.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def run(  # noqa: PLR0913 - click gives a parameter for each option
    config: Path | None,
    overrides: tuple[str, ...],
    budget: float | None,
    out: Path | None,
    resume: Path | None,
    allow_global: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure the experiment CONFIG and report the result.

    CONFIG is a file, or the name of a packaged one, like baseline.
    """
    clock = command_clock()
    overrides = with_budget(overrides, budget)
    if resume and (overrides or out):
        raise ConfigError("--resume continues a run as planned: leave out --set, --budget and --out.")
    path = find_config(config) if config else None
    # Report mistakes at once: before slow imports, and while other runs measure.
    experiment = read_experiment(path, overrides) if path and not resume else None
    with hold_machine():
        clean_up()
        gain_rights_for(open_store(resume).read_plan_to_resume().experiment if resume else experiment)
        from harness.session.run_experiment import create_run, resume_run, run_sessions

        if resume:
            store, changes = resume_run(resume, path, allow_global=allow_global)
        else:
            store = create_run(path, overrides, RESULTS, out, clock=clock, quiet=quiet, allow_global=allow_global)
            changes = ()
        problem = run_sessions(store, quiet=quiet, clock=None if resume else clock, changes=changes)
    valid = _report(store, as_json) if store.session_numbers() else True
    if problem:
        with explain_interrupt(store):
            raise problem
    if not valid:
        raise HarnessError("The result is not valid; see its first line and its doubts.")


def _report(store: Store, as_json: bool) -> bool:
    """Report all finished sessions and write the files, even if printing fails; return whether the result is valid."""
    from harness.session.summarize import read_sessions, run_summary, write_reports

    plan = store.read_plan()
    sessions = read_sessions(store, plan)
    summary = run_summary(store, plan, sessions)
    try:
        print_summary(summary, plan, as_json)
    finally:
        write_reports(store, plan, sessions, summary)
    return summary.valid
