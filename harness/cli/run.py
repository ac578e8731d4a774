"""barehop run: measure an experiment or resume an interrupted run, and report it."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import RESULTS, clean_up, find_config, gain_rights_for, lock_machine
from harness.cli.formats import DETAILS_HELP, FormatOptions, format_options, print_results
from harness.cli.parameters import (
    PATH,
    budget_option,
    complete_results,
    optional_config_argument,
    set_option,
    with_budget,
)
from harness.console import explain_interrupt
from harness.errors import ConfigError, HarnessError, Interrupted
from harness.experiment.read import read_experiment
from harness.model import Experiment, Plan
from harness.session.time_budget import command_clock
from harness.store.store import open_store

if TYPE_CHECKING:
    from harness.remote.link import Link
    from harness.report.commands.progress import Progress
    from harness.session.measure import Run


@click.command()
@optional_config_argument
@set_option
@budget_option
@click.option("--out", type=click.Path(path_type=Path), help="Results directory; must be new or empty.")
@click.option(
    "--resume", type=PATH, shell_complete=complete_results, help="Resume the interrupted run in this directory."
)
@click.option("--from", "address", metavar="HOST:PORT", help="Visit the servers of barehop serve there; no CONFIG.")
@click.option("--allow-global", is_flag=True, help="Let knobs change host-wide settings; restored at the end.")
@click.option("--profile", is_flag=True, help="Name the functions that make the difference, with perf.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@format_options(has_out=False, details_help=DETAILS_HELP)
def run(  # noqa: PLR0913 - click gives a parameter for each option
    config: Path | None,
    overrides: tuple[str, ...],
    budget: float | None,
    out: Path | None,
    resume: Path | None,
    address: str | None,
    allow_global: bool,
    profile: bool,
    quiet: bool,
    options: FormatOptions,
) -> None:
    """Measure the experiment CONFIG and report the result.

    CONFIG is a file, or the name of a packaged one, like baseline. --from needs the BAREHOP_TOKEN that serve prints.
    """
    clock = command_clock()
    overrides = (*with_budget(overrides, budget), *(("design.profile=true",) if profile else ()))
    is_changed = bool(config or allow_global or profile or len(overrides) > (budget is not None))
    _check_options(resume=bool(resume and (overrides or out)), address=bool(address and is_changed))
    path = find_config(config) if config else None
    # Report mistakes at once: before slow imports, and while other runs measure.
    experiment = read_experiment(path, overrides) if path and not resume else None
    with ExitStack() as exit_stack, lock_machine(), ExitStack() as link_stack:
        clean_up()
        stored = _read_plan(resume, address) if resume else None
        link = link_stack.enter_context(_open_link(address)) if address else None
        gain_rights_for(None if link else stored.experiment if stored else experiment)
        progress = exit_stack.enter_context(_show_preflight(quiet=quiet))
        from harness.session.run_experiment import RunOptions, create_run, measure_run, resume_run

        if resume and stored:
            current = resume_run(open_store(resume), stored, path, progress, allow_global=allow_global, link=link)
        else:
            experiment, overrides = link.experiment(budget) if link else (_require(experiment), overrides)
            document = link.description.document.encode() if link else path.read_bytes() if path else b""
            run_options = RunOptions(document, overrides, RESULTS, out, clock, progress, allow_global, link)
            current = create_run(experiment, run_options)
        exit_stack.enter_context(_report_at_end(current, options))  # after the machine is free again
        measure_run(current)


@contextmanager
def _show_preflight(*, quiet: bool) -> Iterator["Progress"]:
    """Yield the progress of the run, which is shown from its first second."""
    from harness.report.commands.progress import show_progress

    with show_progress(is_quiet=quiet) as progress:
        progress.begin("preflight")
        yield progress


def _require(experiment: Experiment | None) -> Experiment:
    if experiment is None:
        raise ConfigError("No experiment given. Give the path of a file, or a name that barehop list configs shows.")
    return experiment


def _check_options(*, resume: bool, address: bool) -> None:
    """Raise ConfigError if --resume or --from were given with options that they do not allow."""
    if resume:
        raise ConfigError("--resume continues a run as planned: leave out --set, --budget, --profile and --out.")
    if address:
        raise ConfigError("--from takes the experiment from there: give CONFIG and its options to barehop serve.")


def _read_plan(resume: Path, address: str | None) -> Plan:
    """Return the plan to resume. Raises ConfigError if the servers are to be on another machine than before."""
    plan = open_store(resume).read_plan(resumes=True)
    if plan.served_from and not address:
        raise ConfigError(
            f"The servers of this run were those of barehop serve at {plan.served_from}. Give its address with --from."
        )
    if address and not plan.served_from:
        raise ConfigError("The servers of this run were on this machine: leave out --from.")
    return plan


def _open_link(address: str) -> AbstractContextManager["Link"]:
    from harness.remote.link import TOKEN_VARIABLE, open_link

    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise ConfigError(f"--from needs a token. Set {TOKEN_VARIABLE} to the one that barehop serve printed.")
    return open_link(address, token)


@contextmanager
def _report_at_end(current: "Run", options: FormatOptions) -> Iterator[None]:
    """Report the finished sessions after the body, also if it fails. Raises HarnessError if the result is not valid."""
    with explain_interrupt(current.store):
        try:
            yield
        except (HarnessError, KeyboardInterrupt, Interrupted):
            _report(current, options)
            raise
        if not _report(current, options):
            raise HarnessError("The result is not valid; see its first line and its doubts.")


def _report(current: "Run", options: FormatOptions) -> bool:
    """Report all finished sessions and write the files, even if printing fails; return whether the result is valid."""
    from harness.session.summarize import summarize, write_reports

    if not current.sessions:
        return True
    current.progress.begin("report")
    results = summarize(current.store, current.plan, current.finished_sessions())
    current.progress.close()
    try:
        print_results([results], options)
    finally:
        page = write_reports(results)
    if options.format == "html":
        click.echo(page)
    return results.summary.valid
