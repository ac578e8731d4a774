"""Conducts a run: from an experiment file to a plan, to its sessions, to the files that say what came of it."""

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
    """A new results directory with its plan; nothing is made before every problem has been looked for."""
    if config is None:
        raise ConfigError("Which experiment? Give the path of a file, or a name like baseline; see barehop list.")
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
        lag = current_slowness()
        if sentence := too_short(experiment, forecast_of(experiment, lag)):
            message(sentence, quiet=quiet)
        capacities = _capacities(experiment, store, quiet=quiet)
        if capacities:
            experiment = with_rates(experiment, capacities)
        plan = planned(experiment, overrides, Beginning(store, clock, lag, quiet))
        asked = {"capacities_per_s": capacities, "allow_global": allow_global}
        store.write_plan(plan.model_copy(update=asked))
    return store


def _write_surroundings(
    experiment: Experiment, store: Store, config: Path, results: Path, leave_out: Callable[[str], None]
) -> None:
    """Keep the experiment file, the facts of the machine, and what was measured on it earlier."""
    store.write_bytes("experiment.toml", config.read_bytes())
    host = run_facts(experiment)
    store.write_json("host.json", host)
    earlier = {
        "calibration.json": last_calibration(results, host, leave_out),
        "floor.json": last_floor(results, host, leave_out),
    }
    for name, found in earlier.items():
        if found:
            store.write_json(name, found)


def _capacities(experiment: Experiment, store: Store, *, quiet: bool) -> dict[str, float]:
    """What the arms can do, where rates are parts of it."""
    if not wants_capacities(experiment):
        return {}
    message("Finding out what the arms can do, for the rates that are parts of it ...", quiet=quiet)
    return capacities_per_s(experiment, store, survey(store.directory))


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a run that begins has: where it is kept, its clock, how slow the machine is, and whether it tells."""

    store: Store
    clock: Clock
    slowness: float
    quiet: bool


def planned(experiment: Experiment, overrides: Sequence[str], run: Beginning) -> Plan:
    """The plan, after a pilot where the file leaves anything to it."""
    if not needs_pilot(experiment):
        schedule = schedule_of(experiment, nominal_cost(experiment).times(run.slowness), spent_s=run.clock.spent_s())
        return plan_of(experiment, schedule, overrides)
    message("Piloting, to see how long to measure what ...", quiet=run.quiet)
    pilot = piloted(experiment, run.store, survey(run.store.directory), run.clock, run.slowness)
    schedule = schedule_of(experiment, None, pilot, run.clock.spent_s())
    if sentence := shown_too_short(experiment, schedule):
        message(sentence, quiet=run.quiet)
    message(foreseen(schedule, pilot), quiet=run.quiet)
    return plan_of(experiment, schedule, overrides, pilot)


def measured(
    store: Store, *, quiet: bool, clock: Clock | None = None, changes: tuple[str, ...] = ()
) -> BaseException | None:
    """Measure what is missing. What ended it early is returned, so that what is there can be reported first.

    With a `clock` the run ends when its time is over. `changes` are sentences on what has changed on this machine
    since the run began.
    """
    problem = _measured(store, clock, changes, quiet=quiet)
    try:
        store.secure()
    except MachineError as removed:
        return removed
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
    """Write down that the sessions there are were all that time allowed."""
    done, of = len(store.sessions()), plan.schedule.sessions
    ended = plan.model_copy(update={"out_of_time_after": done})
    store.write_plan(ended)
    message(f"{done} of {counted(of, 'planned session')} fit the budget; the run ends here.", quiet=quiet)


def _enough(plan: Plan, store: Store, advance: Callable[[int, float], None]) -> Callable[[int], bool]:
    """Tells after each session how far the run is, and at its looks whether it is precise enough to stop."""
    began, done_before, schedule = time.monotonic(), store.sessions(), plan.ended_schedule

    def enough(session: int) -> bool:
        done = len(store.sessions())
        if session not in done_before:
            each_s = (time.monotonic() - began) / (done - len(done_before))
            advance(session, each_s * (schedule.sessions - done))
        return session == done and session in schedule.looks[:-1] and is_precise(plan, store)

    return enough


def is_precise(plan: Plan, store: Store) -> bool:
    """Whether every interval is as narrow as the experiment asks."""
    summary = verdicts_of(store, plan, read_sessions(store, plan))
    return summary.planned_sessions <= summary.sessions
