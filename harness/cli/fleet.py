"""barehop fleet: measure an experiment on many hosts, the workers of a dask scheduler, and pool the results."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import RESULTS, find_config, print_message
from harness.cli.formats import FormatOptions, format_options, print_report
from harness.cli.parameters import budget_option, optional_config_argument, set_option, with_budget
from harness.console import invocation
from harness.errors import ConfigError, Interrupted, MachineError
from harness.experiment.read import read_experiment

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Where the hosts are: exactly one of these."""

    scheduler: str | None
    local: int | None
    hosts: Path | None

    def words(self) -> str:
        """Return the option as the user gave it. Raises ConfigError unless it is one."""
        values = {"--scheduler": self.scheduler, "--local": self.local, "--hosts": self.hosts}
        given = [(option, str(value)) for option, value in values.items() if value]
        if len(given) != 1:
            raise ConfigError("Say where the hosts are: --scheduler ADDRESS, --hosts FILE, or --local N; one of them.")
        return shlex.join(given[0])

    @contextmanager
    def connect(self) -> "Iterator[Client]":
        """Yield a client of the scheduler, which is started unless it runs already."""
        from harness.fleet.cluster import connect_local_workers, connect_ssh_workers
        from harness.fleet.workers import connect_scheduler

        with ExitStack() as exit_stack:
            if self.local:
                yield exit_stack.enter_context(connect_local_workers(self.local))
            elif self.hosts:
                yield exit_stack.enter_context(connect_ssh_workers(self.hosts))
            else:
                yield exit_stack.enter_context(connect_scheduler(self.scheduler or ""))


@click.command()
@optional_config_argument
@set_option
@budget_option
@click.option("--scheduler", metavar="ADDRESS", help="The dask scheduler whose workers are the hosts.")
@click.option("--local", type=click.IntRange(1, 64), metavar="N", help="N workers on this machine, one run at a time.")
@click.option("--hosts", type=click.Path(path_type=Path), help="Start a worker by ssh on each host in this file.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the results; must be new or empty.")
@click.option("--resume", type=click.Path(path_type=Path), help="Measure on the hosts that have no result here yet.")
@click.option("--app-there", is_flag=True, help="Send no app_dir: the hosts have it at the same path.")
@click.option("--allow-global", is_flag=True, help="Let knobs change host-wide settings; restored at the end.")
@format_options(has_out=False)
def fleet(  # noqa: PLR0913 - click gives a parameter for each option
    config: Path | None,
    overrides: tuple[str, ...],
    budget: float | None,
    scheduler: str | None,
    local: int | None,
    hosts: Path | None,
    out: Path | None,
    resume: Path | None,
    app_there: bool,
    allow_global: bool,
    options: FormatOptions,
) -> None:
    """Measure CONFIG on many hosts, and pool the results.

    Each worker of a dask scheduler is a host. A host that fails is told, and the others go on.
    """
    overrides, place = with_budget(overrides, budget), HostOptions(scheduler, local, hosts)
    place.words()
    _check_options(config, resume, is_changed=bool(overrides or out or app_there or allow_global))
    path = find_config(config) if config else None
    if path:
        read_experiment(path, overrides)  # report mistakes at once
    from harness.fleet.job import create_fleet_directory, create_job, read_job
    from harness.fleet.measure import measure_fleet
    from harness.fleet.workers import find_workers

    if path:
        job = create_job(path, overrides, allow_global=allow_global, sends=not app_there)
    else:
        job = read_job(resume or Path())
    with place.connect() as client:
        workers, problems = find_workers(client)
        directory = resume or create_fleet_directory(job, RESULTS, out)
        with _explain_interrupt(directory, place):
            problems += measure_fleet(client, job, workers, directory, print_message)
    _report(directory, options)
    if problems:
        raise MachineError("\n".join([*problems, f"Measure on these hosts with: {_resume_command(directory, place)}"]))


def _check_options(config: Path | None, resume: Path | None, *, is_changed: bool) -> None:
    """Raise ConfigError for options that exclude each other, MachineError without dask."""
    if bool(config) == bool(resume):
        raise ConfigError("Give an experiment, like baseline, or --resume with the directory of a fleet's results.")
    if resume and is_changed:
        raise ConfigError("--resume continues as begun: leave out --set, --budget, --out, --app-there, --allow-global.")
    if find_spec("distributed") is None:
        raise MachineError("barehop fleet needs dask.distributed. Install it: pip install 'barehop[fleet]'")


@contextmanager
def _explain_interrupt(directory: Path, place: HostOptions) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(
            "Interrupted. Nothing is left running on the hosts; results that came back are kept. Measure on the other "
            f"hosts with: {_resume_command(directory, place)}"
        ) from None


def _resume_command(directory: Path, place: HostOptions) -> str:
    return f"{invocation()} fleet --resume {shlex.quote(str(directory))} {place.words()}"


def _report(directory: Path, options: FormatOptions) -> None:
    """Pool the results that are there and report them."""
    from harness.analysis.between_runs.pool import pool_fleet
    from harness.report.commands.pool import pool_report
    from harness.session.pool import read_fleet

    if any(directory.glob("*/plan.json")):
        pooled = pool_fleet(read_fleet([str(directory)]), "")
        print_report(pool_report(pooled), pooled, options, directory / "pool.html")
