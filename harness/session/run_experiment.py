"""Runs an experiment: create or resume the run, pilot, measure session after session, summarize."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.analysis.between_runs.metadata import changes_since, describe_changes, is_decisive
from harness.errors import ConfigError, HarnessError, Interrupted, MachineError
from harness.exits import explain_interrupt, load_polars, machine_error
from harness.experiment.budget import forecast_of
from harness.experiment.contrasts import left_out_sentences
from harness.experiment.cost import nominal_cost
from harness.experiment.document import read_text
from harness.experiment.read import read_experiment
from harness.experiment.schedule import needs_pilot, plan_of, schedule_of
from harness.floor.results import last_floor
from harness.model import Experiment, Plan
from harness.report.caveats import pilot_budget_warning, short_budget_warning
from harness.report.commands.plan import pilot_plan
from harness.report.commands.progress import print_message, show_progress
from harness.report.format import join_with_and, pluralize
from harness.session.calibrate import last_calibration
from harness.session.measure import RunContext, measure_sessions
from harness.session.pace import Clock, Pace, current_slowness
from harness.session.pilot import has_relative_rates, measure_capacities_per_s, run_pilot, with_absolute_rates
from harness.session.preflight import check_machine, check_services, run_facts, without_unavailable_arms
from harness.session.summarize import check_results, read_sessions, verdict_summary
from harness.store.store import Store, create_results_directory, open_store
from harness.testbed.blueprint import survey_machine
from harness.testbed.servers.application import namesake_warnings
from harness.testbed.servers.gunicorn import removed_variables


def create_run(  # noqa: PLR0913 - the options of a command
    config: Path | None,
    overrides: Sequence[str],
    results: Path,
    out: Path | None,
    *,
    clock: Clock,
    quiet: bool,
    allow_global: bool = False,
) -> Store:
    """Create a results directory with a plan, after all checks of the experiment and the machine."""
    if config is None:
        raise ConfigError("No experiment given. Give the path of a file, or a name like baseline; see barehop list.")
    machine = replace(survey_machine(out or results), allows_host_values=allow_global)
    experiment = without_unavailable_arms(read_experiment(config, overrides), machine.parents)
    for sentence in left_out_sentences(experiment.left_out):
        print_message(f"Left out: {sentence}", quiet=quiet)
    if dropped := removed_variables():
        print_message(
            f"Not passed on to the servers: {join_with_and(dropped)}. Use the settings of an arm instead.", quiet=quiet
        )
    for sentence in namesake_warnings([arm.settings for arm in experiment.arms], Path.cwd()):
        print_message(sentence, quiet=quiet)
    check_machine(experiment, machine)
    check_services(experiment)
    store = Store(create_results_directory(results, experiment.name, out))
    store.hold()
    with explain_interrupt(store):
        _write_context(experiment, store, config, results, partial(print_message, quiet=quiet))
        slowness = current_slowness()
        if sentence := short_budget_warning(experiment, forecast_of(experiment, slowness)):
            print_message(sentence, quiet=quiet)
        capacities = _probe_capacities(experiment, store, quiet=quiet)
        if capacities:
            experiment = with_absolute_rates(experiment, capacities)
        plan = plan_run(experiment, overrides, NewRun(store, clock, slowness, quiet))
        store.write_plan(plan.model_copy(update={"capacities_per_s": capacities, "allow_global": allow_global}))
    return store


def _write_context(
    experiment: Experiment, store: Store, config: Path, results: Path, leave_out: Callable[[str], None]
) -> None:
    """Store the experiment file, the facts of the machine, and its last calibration and floor."""
    store.write_bytes("experiment.toml", config.read_bytes())
    host = run_facts(experiment)
    store.write_json("host.json", host)
    earlier = {
        "calibration.json": last_calibration(results, host, leave_out),
        "floor.json": last_floor(results, host, leave_out),
    }
    for name, result in earlier.items():
        if result:
            store.write_json(name, result)


def _probe_capacities(experiment: Experiment, store: Store, *, quiet: bool) -> dict[str, float]:
    """Return the capacity of each arm with a percentage rate."""
    if not has_relative_rates(experiment):
        return {}
    print_message("Measuring the capacity of the arms, for rates in percent ...", quiet=quiet)
    return measure_capacities_per_s(experiment, store, survey_machine(store.directory))


@dataclass(frozen=True, slots=True)
class NewRun:
    """The context of a new run: its store and clock, the slowness of the machine, and whether to show progress."""

    store: Store
    clock: Clock
    slowness: float
    quiet: bool


def plan_run(experiment: Experiment, overrides: Sequence[str], run: NewRun) -> Plan:
    """Return the plan of a run, after a pilot unless the file fixes everything."""
    if not needs_pilot(experiment):
        schedule = schedule_of(experiment, nominal_cost(experiment).scale(run.slowness), spent_s=run.clock.spent_s())
        return plan_of(experiment, schedule, overrides)
    print_message("Running a pilot to choose the lengths of sessions and bursts ...", quiet=run.quiet)
    pilot = run_pilot(experiment, run.store, survey_machine(run.store.directory), run.clock, run.slowness)
    schedule = schedule_of(experiment, None, pilot, run.clock.spent_s())
    if sentence := pilot_budget_warning(experiment, schedule):
        print_message(sentence, quiet=run.quiet)
    print_message(pilot_plan(schedule, pilot), quiet=run.quiet)
    return plan_of(experiment, schedule, overrides, pilot)


def run_sessions(
    store: Store, *, quiet: bool, clock: Clock | None = None, changes: tuple[str, ...] = ()
) -> BaseException | None:
    """Measure the missing sessions; return what ended the run early, so that the caller can report first.

    With a `clock` the run ends when its time is over. `changes` are sentences on what has changed on this machine
    since the run began.
    """
    problem = _run_sessions(store, clock, changes, quiet=quiet)
    try:
        store.follow()
    except MachineError as error:
        return error
    return problem


def _run_sessions(store: Store, clock: Clock | None, changes: tuple[str, ...], *, quiet: bool) -> BaseException | None:
    load_polars()
    plan = store.read_plan()
    pace = Pace(plan, len(store.session_numbers()), clock)
    try:
        with show_progress(plan.actual_schedule.sessions, len(store.session_numbers()), quiet=quiet) as advance:
            run = RunContext(plan, store, survey_machine(store.directory), changes)
            out_of_time = measure_sessions(run, _stopping_rule(plan, store, advance), pace)
        if out_of_time:
            _end_early(plan, store, quiet=quiet)
    except (HarnessError, KeyboardInterrupt, Interrupted) as problem:
        return problem
    except OSError as error:
        return machine_error(error)
    return None


def _end_early(plan: Plan, store: Store, *, quiet: bool) -> None:
    """Record in the plan that the run ends with the sessions measured so far."""
    done, of = len(store.session_numbers()), plan.schedule.sessions
    ended = plan.model_copy(update={"out_of_time_after": done})
    store.write_plan(ended)
    print_message(f"{done} of {pluralize(of, 'planned session')} fit the budget; the run ends here.", quiet=quiet)


def _stopping_rule(plan: Plan, store: Store, advance: Callable[[int, float], None]) -> Callable[[int], bool]:
    """Return a function that reports progress after each session, and at a look returns whether to stop."""
    began, done_before, schedule = time.monotonic(), store.session_numbers(), plan.actual_schedule

    def is_enough(session: int) -> bool:
        done = len(store.session_numbers())
        if session not in done_before:
            mean_s = (time.monotonic() - began) / (done - len(done_before))
            advance(session, mean_s * (schedule.sessions - done))
        return session == done and session in schedule.looks[:-1] and is_precise(plan, store)

    return is_enough


def is_precise(plan: Plan, store: Store) -> bool:
    """Return whether every interval is as narrow as the experiment asks."""
    summary = verdict_summary(store, plan, read_sessions(store, plan))
    return summary.planned_sessions <= summary.sessions


def resume_run(directory: Path, config: Path | None, *, allow_global: bool = False) -> tuple[Store, tuple[str, ...]]:
    """Open an interrupted run; return its store, and a sentence for each harmless change of this machine since.

    Raises ConfigError if `config` is given and is another experiment, MachineError after a change that matters.
    """
    store = open_store(directory)
    if config and read_text(config) != read_text(store.directory / "experiment.toml"):
        raise ConfigError(f"{config} is not the experiment of {directory}. Leave it out: the directory has its own.")
    experiment = store.read_plan_to_resume().experiment
    check_results(store)
    store.hold()
    check_machine(experiment, replace(survey_machine(directory), allows_host_values=allow_global))
    check_services(experiment)
    return store, () if _is_complete(store) else _check_machine_changes(store, run_facts(experiment))


def _check_machine_changes(store: Store, now: Mapping[str, Any]) -> tuple[str, ...]:
    changes = changes_since(store.read_host(), now)
    if decisive := describe_changes([change for change in changes if is_decisive(change)]):
        raise MachineError(
            f"The run in {store.directory} cannot be resumed, because the machine has changed since it began:\n"
            + "\n".join(f"  {sentence}" for sentence in decisive)
            + "\nNew sessions would not be comparable with the old ones. Undo these changes and resume, or start a new "
            "run and compare both with `barehop compare`."
        )
    return tuple(describe_changes(changes))


def _is_complete(store: Store) -> bool:
    """Return whether no session is left to measure."""
    plan, done = store.read_plan(), store.session_numbers()
    if done != list(range(1, len(done) + 1)):
        return False
    schedule = plan.actual_schedule
    return len(done) == schedule.sessions or (len(done) in schedule.looks[:-1] and is_precise(plan, store))
