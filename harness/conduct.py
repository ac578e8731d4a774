"""Run an experiment: create the results directory and the plan, then measure its sessions."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.calibrate import last_calibration
from harness.clock import Clock, current_slowness
from harness.conclude import read_sessions, verdicts_of
from harness.ending import load_polars, refusal
from harness.errors import ConfigError, HarnessError, Interrupted, MachineError
from harness.evidence.store import Store, new_directory
from harness.experiment.cost import nominal_cost
from harness.experiment.forecast import forecast_of
from harness.experiment.left_out import sentences
from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment
from harness.experiment.schedule import schedule_of
from harness.experiment.trial import needs_pilot
from harness.floor.results import last_floor
from harness.interruption import tell_what_is_kept
from harness.lab.blueprint import survey
from harness.lab.gunicorn import dropped_variables
from harness.lab.namesakes import namesakes
from harness.model import Experiment, Plan
from harness.pace import Pace
from harness.pilot import piloted
from harness.preflight import available, check_machine, check_services, run_facts
from harness.rates import capacities_per_s, wants_capacities, with_rates
from harness.report.arrangement import foreseen
from harness.report.budget import shown_too_short, too_short
from harness.report.progress import message, progress
from harness.report.wording import counted, listed
from harness.run import Run, measure


def begun(  # noqa: PLR0913 - the options of a command
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
    machine = replace(survey(out or results), allow_global=allow_global)
    experiment = available(read_experiment(config, overrides), machine.parents)
    for sentence in sentences(experiment.left_out):
        message(f"Left out: {sentence}", quiet=quiet)
    if dropped := dropped_variables():
        message(f"Not passed on to the servers: {listed(dropped)}. Use the settings of an arm instead.", quiet=quiet)
    for sentence in namesakes([arm.settings for arm in experiment.arms], Path.cwd()):
        message(sentence, quiet=quiet)
    check_machine(experiment, machine)
    check_services(experiment)
    store = Store(new_directory(results, experiment.name, out))
    store.hold()
    with tell_what_is_kept(store):
        _write_surroundings(experiment, store, config, results, partial(message, quiet=quiet))
        slowness = current_slowness()
        if sentence := too_short(experiment, forecast_of(experiment, slowness)):
            message(sentence, quiet=quiet)
        capacities = _capacities(experiment, store, quiet=quiet)
        if capacities:
            experiment = with_rates(experiment, capacities)
        plan = planned(experiment, overrides, Beginning(store, clock, slowness, quiet))
        store.write_plan(plan.model_copy(update={"capacities_per_s": capacities, "allow_global": allow_global}))
    return store


def _write_surroundings(
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


def _capacities(experiment: Experiment, store: Store, *, quiet: bool) -> dict[str, float]:
    """Return the capacity of each arm with a percentage rate."""
    if not wants_capacities(experiment):
        return {}
    message("Measuring the capacity of the arms, for rates in percent ...", quiet=quiet)
    return capacities_per_s(experiment, store, survey(store.directory))


@dataclass(frozen=True, slots=True)
class Beginning:
    """The context of a new run: its store and clock, the slowness of the machine, and whether to show progress."""

    store: Store
    clock: Clock
    slowness: float
    quiet: bool


def planned(experiment: Experiment, overrides: Sequence[str], run: Beginning) -> Plan:
    """Return the plan of a run, after a pilot unless the file fixes everything."""
    if not needs_pilot(experiment):
        schedule = schedule_of(experiment, nominal_cost(experiment).times(run.slowness), spent_s=run.clock.spent_s())
        return plan_of(experiment, schedule, overrides)
    message("Running a pilot to choose the lengths of sessions and bursts ...", quiet=run.quiet)
    pilot = piloted(experiment, run.store, survey(run.store.directory), run.clock, run.slowness)
    schedule = schedule_of(experiment, None, pilot, run.clock.spent_s())
    if sentence := shown_too_short(experiment, schedule):
        message(sentence, quiet=run.quiet)
    message(foreseen(schedule, pilot), quiet=run.quiet)
    return plan_of(experiment, schedule, overrides, pilot)


def measured(
    store: Store, *, quiet: bool, clock: Clock | None = None, changes: tuple[str, ...] = ()
) -> BaseException | None:
    """Measure the missing sessions; return what ended the run early, so that the caller can report first.

    With a `clock` the run ends when its time is over. `changes` are sentences on what has changed on this machine
    since the run began.
    """
    problem = _measured(store, clock, changes, quiet=quiet)
    try:
        store.secure()
    except MachineError as error:
        return error
    return problem


def _measured(store: Store, clock: Clock | None, changes: tuple[str, ...], *, quiet: bool) -> BaseException | None:
    load_polars()
    plan = store.read_plan()
    pace = Pace(plan, len(store.sessions()), clock)
    try:
        with progress(plan.ended_schedule.sessions, len(store.sessions()), quiet=quiet) as advance:
            run = Run(plan, store, survey(store.directory), changes)
            out_of_time = measure(run, _enough(plan, store, advance), pace)
        if out_of_time:
            _end_with(plan, store, quiet=quiet)
    except (HarnessError, KeyboardInterrupt, Interrupted) as problem:
        return problem
    except OSError as error:
        return refusal(error)
    return None


def _end_with(plan: Plan, store: Store, *, quiet: bool) -> None:
    """Record in the plan that the run ends with the sessions measured so far."""
    done, of = len(store.sessions()), plan.schedule.sessions
    ended = plan.model_copy(update={"out_of_time_after": done})
    store.write_plan(ended)
    message(f"{done} of {counted(of, 'planned session')} fit the budget; the run ends here.", quiet=quiet)


def _enough(plan: Plan, store: Store, advance: Callable[[int, float], None]) -> Callable[[int], bool]:
    """Return a function that reports progress after each session, and at a look returns whether to stop."""
    began, done_before, schedule = time.monotonic(), store.sessions(), plan.ended_schedule

    def is_enough(session: int) -> bool:
        done = len(store.sessions())
        if session not in done_before:
            mean_s = (time.monotonic() - began) / (done - len(done_before))
            advance(session, mean_s * (schedule.sessions - done))
        return session == done and session in schedule.looks[:-1] and is_precise(plan, store)

    return is_enough


def is_precise(plan: Plan, store: Store) -> bool:
    """Return whether every interval is as narrow as the experiment asks."""
    summary = verdicts_of(store, plan, read_sessions(store, plan))
    return summary.planned_sessions <= summary.sessions
