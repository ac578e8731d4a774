"""Conducts a run: from an experiment file to a plan, to its sessions, to the files that say what came of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.calibrate import last_calibration
from harness.conclude import read_sessions, verdicts_of
from harness.ending import load_polars, refusal
from harness.errors import ConfigError, HarnessError, Interrupted
from harness.evidence.store import Store, new_directory, open_store
from harness.experiment.left_out import sentences
from harness.experiment.plan import plan_of
from harness.experiment.read import read_experiment
from harness.experiment.schedule import schedule_of
from harness.experiment.toml_file import read_text
from harness.experiment.trial import needs_pilot
from harness.floor.results import last_floor
from harness.lab.blueprint import survey
from harness.model import Experiment, Plan
from harness.pilot import piloted
from harness.preflight import available, check_machine, check_services, run_facts
from harness.rates import capacities_per_s, wants_capacities, with_rates
from harness.report.arrangement import foreseen
from harness.report.progress import message, progress
from harness.run import measure


def begun(  # noqa: PLR0913 - the options of a command
    config: Path | None,
    overrides: Sequence[str],
    results: Path,
    out: Path | None,
    *,
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
    check_machine(experiment, machine)
    check_services(experiment)
    store = Store(new_directory(results, experiment.name, out))
    store.write_text("experiment.toml", read_text(config))
    host = run_facts(experiment)
    store.write_json("host.json", host)
    earlier = {"calibration.json": last_calibration(results, host), "floor.json": last_floor(results, host)}
    for name, found in earlier.items():
        if found:
            store.write_json(name, found)
    capacities = _capacities(experiment, store, quiet=quiet)
    if capacities:
        experiment = with_rates(experiment, capacities)
    plan = planned(experiment, overrides, store, quiet=quiet)
    asked = {"capacities_per_s": capacities, "allow_global": allow_global}
    store.write_text("plan.json", plan.model_copy(update=asked).model_dump_json() + "\n")
    return store


def _capacities(experiment: Experiment, store: Store, *, quiet: bool) -> dict[str, float]:
    """What the arms can do, where rates are parts of it."""
    if not wants_capacities(experiment):
        return {}
    message("Finding out what the arms can do, for the rates that are parts of it ...", quiet=quiet)
    return capacities_per_s(experiment, store, survey(store.directory))


def planned(experiment: Experiment, overrides: Sequence[str], store: Store, *, quiet: bool) -> Plan:
    """The plan, after a pilot where the file leaves anything to it."""
    if not needs_pilot(experiment):
        return plan_of(experiment, schedule_of(experiment, None), overrides)
    message("Piloting, to see how long to measure what ...", quiet=quiet)
    pilot, spent_s = piloted(experiment, store, survey(store.directory))
    schedule = schedule_of(experiment, None, pilot, spent_s)
    message(foreseen(schedule, pilot), quiet=quiet)
    return plan_of(experiment, schedule, overrides, pilot)


def resumed(directory: Path, config: Path | None, *, allow_global: bool = False) -> Store:
    """The store of an interrupted run, whose experiment `config` must be where it is given."""
    store = open_store(directory)
    if config and read_text(config) != read_text(store.directory / "experiment.toml"):
        raise ConfigError(f"{config} is not the experiment of {directory}. Leave it out: the directory has its own.")
    experiment = store.read_plan_to_go_on().experiment
    check_machine(experiment, replace(survey(directory), allow_global=allow_global))
    check_services(experiment)
    return store


def measured(store: Store, *, quiet: bool) -> BaseException | None:
    """Measure what is missing. What ended it early is returned, so that what is there can be reported first."""
    load_polars()
    plan = store.read_plan()
    try:
        with progress(plan.schedule.sessions, len(store.sessions()), quiet=quiet) as advance:
            measure(plan, store, survey(store.directory), _enough(plan, store, advance))
    except (HarnessError, KeyboardInterrupt, Interrupted) as problem:
        return problem
    except OSError as error:
        return refusal(error)
    return None


def _enough(plan: Plan, store: Store, advance: Callable[[int, float], None]) -> Callable[[int], bool]:
    """Tells after each session how far the run is, and at its looks whether it is precise enough to stop."""
    began, done_before = time.monotonic(), store.sessions()

    def enough(session: int) -> bool:
        done = len(store.sessions())
        if session not in done_before:
            each_s = (time.monotonic() - began) / (done - len(done_before))
            advance(session, each_s * (plan.schedule.sessions - done))
        return session == done and session in plan.schedule.looks[:-1] and _is_precise(plan, store)

    return enough


def _is_precise(plan: Plan, store: Store) -> bool:
    summary = verdicts_of(store, plan, read_sessions(store))
    return summary.planned_sessions <= summary.sessions
