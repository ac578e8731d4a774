"""The door: the commands and their options, and how each way of ending becomes an exit code."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

import harness
from harness import plugins
from harness.errors import ConfigError, HarnessError, Interrupted
from harness.evidence.store import Store, new_directory, open_store
from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment
from harness.experiment.schedule import expected_s, needs_rehearsal, nominal_cost, schedule_of
from harness.lab.blueprint import blueprints_of, described, survey
from harness.lab.lock import only_run
from harness.model import Experiment, Plan, Summary
from harness.report.progress import message, progress
from harness.run import check_machine, measure, rehearse, run_facts

RESULTS = Path("results")
PACKAGED = Path(harness.__file__).parents[1] / "configs"

config_argument = click.argument("config", type=click.Path(path_type=Path))
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Override a key of the experiment file."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(harness.__version__, prog_name="barehop")
def cli() -> None:
    """What does a hop between two local processes cost on this Linux machine?"""


@cli.command()
@click.argument("config", type=click.Path(path_type=Path), required=False)
@set_option
@click.option("--budget", type=float, metavar="SECONDS", help="The same as --set design.budget_s=SECONDS.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the results go; a new or empty directory.")
@click.option("--resume", type=click.Path(path_type=Path), help="Complete the interrupted run in this directory.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of the report.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def run(  # noqa: PLR0913 - click gives a parameter for each option
    config: Path | None,
    overrides: tuple[str, ...],
    budget: float | None,
    out: Path | None,
    resume: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure the experiment CONFIG and report the result.

    CONFIG is a file, or the name of one that barehop brings along, like baseline.
    """
    if budget is not None:
        overrides = (*overrides, f"design.budget_s={budget}")
    with only_run():
        store = _resumed(resume, config, overrides, out) if resume else _begun(config, overrides, out, quiet)
        problem = _measured(store, quiet)
    valid = _concluded(store, as_json) if store.sessions() else True
    if problem:
        raise problem
    if not valid:
        raise HarnessError("The result is not valid; its first line and its doubts say why.")


@cli.command()
@config_argument
@set_option
def plan(config: Path, overrides: tuple[str, ...]) -> None:
    """Show the arms, their order and the expected time; start nothing."""
    from harness.report.arrangement import render_plan

    experiment = read_experiment(_found(config), overrides)
    cost = nominal_cost(experiment)
    schedule = schedule_of(experiment, cost if needs_rehearsal(experiment.design) else None)
    click.echo(render_plan(plan_of(experiment, schedule), expected_s(schedule, cost)), nl=False)


@cli.command()
@config_argument
@click.argument("arm")
@set_option
def show(config: Path, arm: str, overrides: tuple[str, ...]) -> None:
    """Show exactly what ARM of CONFIG would run: nginx.conf, command lines, CPUs; start nothing."""
    from harness.report.arrangement import render_stack

    experiment = read_experiment(_found(config), overrides)
    _known_arm(experiment, arm)
    machine = survey(RESULTS)
    check_machine(experiment, machine)
    directory = (RESULTS / experiment.name / "UTC-TIME" / "stack" / "0001").resolve()
    blueprints = blueprints_of(experiment, directory, machine)
    blueprint = next(each for each in blueprints if arm in each.targets)
    click.echo(render_stack(arm, described(blueprint, arm)), nl=False)


@cli.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def report(directories: tuple[Path, ...], as_json: bool) -> None:
    """Report the results in one or more directories again, from their records."""
    from harness.conclude import read_summary

    for directory in directories:
        summary, plan = read_summary(directory)
        _print_summary(summary, plan, as_json)


@cli.command("list")
def list_everything() -> None:
    """List the settings of an arm and all transports and load tools."""
    from harness.report.arrangement import render_list

    packages = {"transports": "harness.lab.transports", "load tools": "harness.load.tools"}
    kinds = {
        kind: {name: plugins.help_text(package, name) for name in plugins.names(package)}
        for kind, package in packages.items()
    }
    kinds["load tools"] = {"client": "barehop's own interleaving client."} | kinds["load tools"]
    kinds["configurations"] = {path.stem: _question(path) for path in sorted(PACKAGED.glob("*.toml"))}
    click.echo(render_list(kinds), nl=False)


@cli.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@set_option
@click.option("--seconds", default=2.0, show_default=True, help="How long to watch for noise.")
def doctor(config: Path | None, overrides: tuple[str, ...], seconds: float) -> None:
    """Say what this machine can and cannot conclude (with CONFIG: about that experiment); change nothing."""
    from harness.doctor import examined, exit_code
    from harness.report.findings import render_doctor

    experiment = read_experiment(_found(config), overrides) if config else None
    findings, conclusions = examined(experiment, survey(RESULTS), seconds)
    click.echo(render_doctor(findings, conclusions), nl=False)
    sys.exit(exit_code(findings))


def main() -> NoReturn:
    """Run the command; one sentence and the right exit code for every way of ending."""
    try:
        with _interruptible():
            cli(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(ConfigError.exit_code)
    except HarnessError as problem:
        _say(str(problem))
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt, Interrupted):
        _say("Interrupted. What was measured is kept; nothing is left running.")
        sys.exit(Interrupted.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(HarnessError.exit_code)
    sys.exit(0)


def _begun(config: Path | None, overrides: tuple[str, ...], out: Path | None, quiet: bool) -> Store:
    """A new results directory with its plan; nothing is made before every problem has been looked for."""
    if config is None:
        raise ConfigError("Which experiment? Give the path of a file, or a name like baseline; see barehop list.")
    path = _found(config)
    experiment = read_experiment(path, overrides)
    machine = survey(out or RESULTS)
    check_machine(experiment, machine)
    store = Store(new_directory(RESULTS, experiment.name, out))
    store.write_text("experiment.toml", path.read_text(encoding="utf-8"))
    if needs_rehearsal(experiment.design):
        message("Rehearsing, to see how much fits the time ...", quiet=quiet)
        schedule = rehearse(experiment, store, machine)
    else:
        schedule = schedule_of(experiment, None)
    store.write_json("host.json", run_facts(experiment))
    store.write_text("plan.json", plan_of(experiment, schedule, overrides).model_dump_json() + "\n")
    return store


def _resumed(directory: Path, config: Path | None, overrides: tuple[str, ...], out: Path | None) -> Store:
    store = open_store(directory)
    if overrides or out:
        raise ConfigError("--resume continues a run as it was planned: leave out --set, --budget and --out.")
    given = _found(config).read_text(encoding="utf-8") if config else None
    if given is not None and given != (store.directory / "experiment.toml").read_text(encoding="utf-8"):
        raise ConfigError(f"{config} is not the experiment of {directory}. Leave it out: the directory has its own.")
    check_machine(store.read_plan().experiment, survey(directory))
    return store


def _measured(store: Store, quiet: bool) -> BaseException | None:
    """Measure what is missing. What ended it early is returned, so that what is there can be reported first."""
    plan = store.read_plan()
    sessions = plan.schedule.sessions
    began, done_before = time.monotonic(), len(store.sessions())
    try:
        with progress(sessions, done_before, quiet=quiet) as advance:

            def after(session: int) -> None:
                done = len(store.sessions())
                each_s = (time.monotonic() - began) / (done - done_before)
                advance(session, each_s * (sessions - done))

            measure(plan, store, survey(store.directory), after)
    except (HarnessError, KeyboardInterrupt, Interrupted) as problem:
        return problem
    return None


def _concluded(store: Store, as_json: bool) -> bool:
    from harness.conclude import concluded

    summary = concluded(store)
    _print_summary(summary, store.read_plan(), as_json)
    return summary.valid


def _print_summary(summary: Summary, plan: Plan, as_json: bool) -> None:
    if as_json:
        click.echo(summary.model_dump_json(indent=1))
        return
    from harness.report.terminal import render

    click.echo(render(summary, plan.experiment.design, color=sys.stdout.isatty()), nl=False)


def _found(config: Path) -> Path:
    """The file itself, or the packaged configuration of that name."""
    packaged = PACKAGED / f"{config.stem}.toml"
    by_name = config.parent in (Path(), Path("configs")) and config.suffix in ("", ".toml")
    return packaged if not config.exists() and by_name and packaged.is_file() else config


def _known_arm(experiment: Experiment, name: str) -> None:
    names = [arm.name for arm in experiment.arms]
    if name not in names:
        raise ConfigError(f"There is no arm {name!r} in {experiment.name}. There is: {', '.join(names)}.")


def _question(path: Path) -> str:
    return read_experiment(path).question


def _say(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as Ctrl-C does: everything is put back, what was measured is reported."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
