"""The door: the commands and their options, and how each way of ending becomes an exit code."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

import harness
from harness import plugins
from harness.ending import abandon_output, interruptible, refusal
from harness.errors import ConfigError, HarnessError, Interrupted, MachineError, raise_all
from harness.evidence.store import Store, open_store
from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment
from harness.experiment.schedule import expected_s, nominal_cost, schedule_of
from harness.lab.blueprint import blueprints_of, survey
from harness.lab.by_hand import described
from harness.lab.directories import sweep
from harness.lab.kernel.journal import recovered, state_directory
from harness.lab.kernel.tuning import recovered_tuning, tuning_directory
from harness.lab.lock import only_run
from harness.lab.network.own_user import gain_rights
from harness.model import Experiment, Knob, Plan, Settings, Summary
from harness.preflight import check_machine

if TYPE_CHECKING:
    from harness.analysis.across.runs import RunComparison

RESULTS = Path("results")
KNOBS = "harness.lab.knobs"
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
@click.option("--allow-global", is_flag=True, help="Let knobs change values of the whole machine; put back at the end.")
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

    CONFIG is a file, or the name of one that barehop brings along, like baseline.
    """
    if budget is not None:
        overrides = (*overrides, f"design.budget_s={budget}")
    if resume and (overrides or out):
        raise ConfigError("--resume continues a run as it was planned: leave out --set, --budget and --out.")
    path = _found(config) if config else None
    # A mistake is told at once: before slow imports, and while others measure.
    experiment = read_experiment(path, overrides) if path and not resume else None
    with only_run():
        _clean_up()
        _gain_rights(open_store(resume).read_plan().experiment if resume else experiment)
        from harness.conduct import begun, measured, resumed

        if resume:
            store = resumed(resume, path, allow_global=allow_global)
        else:
            store = begun(path, overrides, RESULTS, out, quiet=quiet, allow_global=allow_global)
        problem = measured(store, quiet=quiet)
    valid = _conclude(store, as_json) if store.sessions() else True
    if problem:
        raise problem
    if not valid:
        raise HarnessError("The result is not valid; its first line and its doubts say why.")


@cli.command()
@config_argument
@set_option
@click.option("--boots", is_flag=True, help="Show what to boot, and to run on each boot, for knobs that booting sets.")
def plan(config: Path, overrides: tuple[str, ...], boots: bool) -> None:
    """Show the arms, their order and the expected time; start nothing."""
    if boots:
        click.echo(_boots(config, overrides), nl=False)
        return
    from harness.report.arrangement import render_plan

    experiment = read_experiment(_found(config), overrides)
    cost = nominal_cost(experiment)
    schedule = schedule_of(experiment, cost)
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
    _gain_rights(experiment)
    machine = replace(survey(RESULTS), allow_global=True)
    check_machine(experiment, machine)
    directory = (RESULTS / experiment.name / "UTC-TIME" / "stack" / "0001").resolve()
    blueprints = blueprints_of(experiment, directory, machine)
    blueprint = next(each for each in blueprints if arm in each.targets)
    click.echo(render_stack(arm, described(blueprint, arm)), nl=False)


@cli.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--csv", "as_csv", is_flag=True, help="Print one CSV table, for a spreadsheet.")
@click.option("--html", "as_html", is_flag=True, help="Write report.html and the other files anew; print their paths.")
@click.option(
    "--beside",
    multiple=True,
    metavar="[[WHERE/]ARCHITECTURE=]FILE",
    help="What another load tool left, to set beside; repeatable, several of one architecture are its runs.",
)
def report(  # noqa: PLR0913 - click gives a parameter for each option
    directories: tuple[Path, ...],
    as_json: bool,
    as_markdown: bool,
    as_csv: bool,
    as_html: bool,
    beside: tuple[str, ...],
) -> None:
    """Report the results in one or more directories again, from their records."""
    from harness.conclude import read_summary, write_anew
    from harness.evidence.foreign.read import read_all
    from harness.report.csv_table import render_csv
    from harness.report.markdown import render_markdown

    if as_json + as_markdown + as_csv + as_html > 1:
        raise ConfigError("--json, --markdown, --csv and --html exclude each other. Give one of them.")
    foreign = read_all(beside)
    if as_html:
        for directory in directories:
            click.echo(write_anew(directory, foreign))
        return
    results = [read_summary(directory, foreign) for directory in directories]
    if as_csv:
        click.echo(render_csv(*(summary for summary, _ in results)), nl=False)
        return
    for summary, plan in results:
        if as_markdown:
            click.echo(render_markdown(summary, plan.experiment.design), nl=False)
        else:
            _print_summary(summary, plan, as_json)


@cli.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--gate",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    help="End with exit code 1 when an arm, compared with its reference, got slower by more than PERCENT for sure.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(directories: tuple[Path, ...], gate: float | None, as_json: bool) -> None:
    """Compare runs of one experiment made at other times, or on other machines or kernels, with the first."""
    from harness.analysis.across.runs import compare_runs
    from harness.conclude import read_run
    from harness.report.comparison.terminal import render_comparison

    comparison = compare_runs([read_run(directory) for directory in directories])
    if as_json:
        click.echo(comparison.model_dump_json(indent=1))
    else:
        click.echo(render_comparison(comparison, color=_in_color()), nl=False)
    if gate is not None:
        _pass(comparison, gate)


@cli.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--against",
    "files",
    multiple=True,
    metavar="[[WHERE/]ARCHITECTURE=]FILE",
    help="What a load tool left; repeatable, several of one architecture are its runs. Without: the write-up's table.",
)
@click.option("--ladder", type=click.Path(path_type=Path), help="Results of the ladder, for what its rungs can add.")
@click.option("--json", "as_json", is_flag=True, help="Print the validation as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--html", "as_html", is_flag=True, help="Write validation.html and validation.json; print the path.")
def validate(  # noqa: PLR0913 - click gives a parameter for each option
    results: Path, files: tuple[str, ...], ladder: Path | None, as_json: bool, as_markdown: bool, as_html: bool
) -> None:
    """Hold results made elsewhere, in containers for example, against the bare arms in RESULTS."""
    from harness.evidence.foreign.read import read_all
    from harness.report.validation.markdown import render_validation_markdown
    from harness.report.validation.terminal import render_validation
    from harness.validate import of_the_seed, validated, write_validation

    if as_json + as_markdown + as_html > 1:
        raise ConfigError("--json, --markdown and --html exclude each other. Give one of them.")
    found = validated(results, read_all(files) if files else of_the_seed(), ladder)
    if as_html:
        click.echo(write_validation(results, found))
    elif as_json:
        click.echo(found.model_dump_json(indent=1))
    elif as_markdown:
        click.echo(render_validation_markdown(found), nl=False)
    else:
        click.echo(render_validation(found, color=_in_color()), nl=False)


@cli.command()
@click.argument("config", type=click.Path(path_type=Path), required=False)
@set_option
@click.option("--budget", type=click.FloatRange(min=1), default=240.0, show_default=True, metavar="SECONDS")
@click.option("--out", type=click.Path(path_type=Path), help="Where the results go; a new or empty directory.")
@click.option("--json", "as_json", is_flag=True, help="Print the calibration as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def calibrate(  # noqa: PLR0913 - click gives a parameter for each option
    config: Path | None, overrides: tuple[str, ...], budget: float, out: Path | None, as_json: bool, quiet: bool
) -> None:
    """Show on this machine that one arm is not called different from itself, and known spikes are found.

    The arm is the default one, or the reference of CONFIG with barehop's own application.
    """
    experiment = read_experiment(_found(config), overrides) if config else None
    _gain_rights(experiment)
    from harness import calibrate as calibration
    from harness.conduct import measured
    from harness.report.calibration import render_calibration

    settings = _reference(experiment) if experiment else Settings()
    with only_run():
        _clean_up()
        store = calibration.begun(calibration.calibration_experiment(settings, budget), RESULTS, out, quiet=quiet)
        problem = measured(store, quiet=quiet)
    if problem:
        raise problem
    found = calibration.calibrated(store)
    click.echo(found.model_dump_json(indent=1) if as_json else render_calibration(found, color=_in_color()), nl=as_json)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def floor(arguments: tuple[str, ...]) -> None:
    """Measure the bare transport between two pinned processes, without nginx and the app.

    All options are those of pyperf's Runner, like --fast, --rigorous, --affinity and -o; CONFIG gives the sizes.
    """
    from harness.floor.script import run as measure_floor

    measure_floor([str(_found(Path(word))) if _is_name(word) else word for word in arguments])


@cli.command()
def restore() -> None:
    """Put back what a killed run has left: values of the machine, directories."""
    with only_run():
        if not _clean_up():
            _say("No run has left anything to put back.")


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def tune(command: tuple[str, ...]) -> None:
    """Run COMMAND with the machine set for measuring, put everything back after it; the exit code is COMMAND's.

    Governor performance, no boost, no deep sleep, in a virtual machine polling before halting, huge pages on request.
    What this machine does not take is said. Services like irqbalance are not stopped; barehop doctor tells of them.
    """
    from harness.tune import checked, run_tuned

    checked_command = checked(command)
    with only_run():
        _clean_up()
    sys.exit(run_tuned(checked_command, _say))


@cli.command("list")
def list_everything() -> None:
    """List the settings of an arm and all transports, load tools and knobs."""
    from harness.report.arrangement import render_list

    packages = {"transports": "harness.lab.transports", "load tools": "harness.load.tools"}
    kinds = {
        kind: {name: plugins.help_text(package, name) for name in plugins.names(package)}
        for kind, package in packages.items()
    }
    kinds["knobs"] = {name: _knob_help(name) for name in plugins.dotted_names(KNOBS)} | {
        "net.ipv4.tcp_sack, ...": "network or global: any sysctl by its name."
    }
    kinds["load tools"] = {"client": "barehop's own interleaving client."} | kinds["load tools"]
    formats = "harness.evidence.foreign.formats"
    kinds["formats"] = {name: plugins.help_text(formats, name) for name in plugins.names(formats)}
    kinds["configurations"] = {path.stem: _question(path) for path in _packaged()}
    click.echo(render_list(kinds), nl=False)


@cli.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@set_option
@click.option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    default=1.0,
    show_default=True,
    help="How long to watch each CPU for noise; 0: not at all.",
)
def doctor(config: Path | None, overrides: tuple[str, ...], seconds: float) -> None:
    """Say what this machine can and cannot conclude (with CONFIG: about that experiment); change nothing."""
    experiment = read_experiment(_found(config), overrides) if config else None
    _gain_rights(experiment)
    from harness.doctor import examined, exit_code
    from harness.report.findings import render_doctor

    findings, conclusions = examined(experiment, replace(survey(RESULTS), allow_global=True), seconds)
    click.echo(render_doctor(findings, conclusions), nl=False)
    sys.exit(exit_code(findings))


def main() -> NoReturn:
    """Run the command; one sentence and the right exit code for every way of ending."""
    try:
        with interruptible():
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
        abandon_output()
        sys.exit(HarnessError.exit_code)
    except OSError as error:
        abandon_output()
        _say(str(refusal(error)))
        sys.exit(MachineError.exit_code)
    sys.exit(0)


def _boots(config: Path, overrides: tuple[str, ...]) -> str:
    from harness.experiment.boots import boots_of
    from harness.experiment.document import read_document
    from harness.report.boots import render_boots

    experiment = read_experiment(_found(config), overrides)
    document = read_document(_found(config), overrides)
    return render_boots(boots_of(document, experiment.design.seed), str(config), document.name, overrides)


def _gain_rights(experiment: Experiment | None) -> None:
    """What knobs take; before slow imports, because these start threads."""
    if experiment and any(arm.settings.knobs for arm in experiment.arms):
        gain_rights()


def _clean_up() -> bool:
    """Whether a killed run had left values of the machine, which are put back; directories go without a word."""
    sweep()
    sentences = [*recovered(state_directory(os.environ)), *recovered_tuning(tuning_directory())]
    for sentence in sentences:
        _say(sentence)
    return bool(sentences)


def _conclude(store: Store, as_json: bool) -> bool:
    """Report all finished sessions, then write the files, even when nobody reads on; whether the result is valid."""
    from harness.conclude import read_sessions, summary_of, write_reports

    plan, sessions = store.read_plan(), read_sessions(store)
    summary = summary_of(store, plan, sessions)
    try:
        _print_summary(summary, plan, as_json)
    finally:
        write_reports(store, plan, sessions, summary)
    return summary.valid


def _print_summary(summary: Summary, plan: Plan, as_json: bool) -> None:
    if as_json:
        click.echo(summary.model_dump_json(indent=1))
        return
    from harness.report.terminal import render

    click.echo(render(summary, plan.experiment.design, color=_in_color()), nl=False)


def _in_color() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _pass(comparison: "RunComparison", gate: float) -> None:
    """Say what cannot be told; raise HarnessError with what got slower."""
    from harness.report.comparison.gate import gate_broken, gate_open

    for sentence in gate_open(comparison, gate):
        _say(sentence)
    raise_all(gate_broken(comparison, gate), HarnessError)


def _found(config: Path) -> Path:
    """The file itself, or the packaged configuration of that name. Raises ConfigError."""
    packaged = PACKAGED / f"{config.stem}.toml"
    by_name = config.parent in (Path(), Path("configs")) and config.suffix in ("", ".toml")
    if config.is_file():
        return config
    if by_name and packaged.is_file():
        return packaged
    names = ", ".join(path.stem for path in _packaged())
    raise ConfigError(f"There is no file {config}. Give the path of an experiment file, or one of these: {names}.")


def _is_name(word: str) -> bool:
    """Whether `word` is a packaged configuration's name."""
    return word in [path.stem for path in _packaged()] and not Path(word).exists()


def _packaged() -> list[Path]:
    return sorted(PACKAGED.glob("*.toml"))


def _known_arm(experiment: Experiment, name: str) -> None:
    names = [arm.name for arm in experiment.arms]
    if name not in names:
        raise ConfigError(f"There is no arm {name!r} in {experiment.name}. There is: {', '.join(names)}.")


def _knob_help(name: str) -> str:
    """Where it holds, what it can possibly touch, and what it is."""
    knob = plugins.load_dotted(KNOBS, name, Knob)
    touches = {"tcp": "TCP only", "both": "any transport"}[knob.touches]
    return f"{knob.scope}, {touches}: {plugins.help_text(KNOBS, name)}"


def _reference(experiment: Experiment) -> Settings:
    return experiment.arm(experiment.pairs[0][1]).settings


def _question(path: Path) -> str:
    return read_experiment(path).question


def _say(text: str) -> None:
    click.echo(text, err=True)
