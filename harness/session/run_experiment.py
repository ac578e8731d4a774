"""Runs an experiment: preflight, pilot, then sessions until the intervals are narrow enough or time is over.

A command creates or resumes a run, measures it, and summarizes it:
    create_run    preflight: survey and check the machine, create the results directory; pilot: choose the schedule
    resume_run    read the sessions that are there, check that the machine is the same
    measure_run   sessions (`measure.run_session`: arrange, start, prove, measure, record), and when to stop
    summarize     make the summary and the reports (in `summarize`)
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from harness.analysis.between_runs.metadata import changes_since, describe_changes, is_decisive
from harness.analysis.summary import is_precise
from harness.console import explain_interrupt, load_polars, machine_error
from harness.errors import ConfigError, MachineError
from harness.experiment.constraints import sentences_on_arms
from harness.experiment.cost import nominal_cost
from harness.experiment.document import read_text
from harness.experiment.plan import plan_of
from harness.experiment.schedule import forecast_of, needs_pilot, schedule_of
from harness.model import Experiment, Pilot, Plan, Schedule
from harness.model.record import HostFacts
from harness.remote.link import Link
from harness.report.caveats import pilot_budget_warning, short_budget_warning
from harness.report.commands.plan import pilot_plan
from harness.report.commands.progress import Advance, print_message, show_progress
from harness.report.format import join_with_and, pluralize
from harness.session.calibrate import last_calibration
from harness.session.measure import Run, run_session
from harness.session.pilot import measure_capacities_per_s, relative_rate_arms, run_pilot, with_absolute_rates
from harness.session.preflight import (
    check_client,
    check_machine,
    check_services,
    run_facts,
    without_unavailable_arms,
)
from harness.session.session import Arrangement
from harness.session.summarize import check_results
from harness.session.time_budget import Clock, TimeBudget, current_slowness
from harness.store.history import last_floor
from harness.store.store import Store, create_results_directory
from harness.testbed.blueprint import Machine, survey_machine
from harness.testbed.servers.failures import namesake_warnings
from harness.testbed.servers.gunicorn import removed_variables


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a new run of the file with the content `document`; see `create_run`.

    Without `out`, its directory is created below `results`. With a `link`, another machine has the servers.
    """

    document: bytes
    overrides: Sequence[str]
    results: Path
    out: Path | None
    clock: Clock
    quiet: bool
    allow_global: bool
    link: Link | None = None

    def say(self, sentence: str) -> None:
        """Print a sentence, unless the run is quiet."""
        print_message(sentence, quiet=self.quiet)


def create_run(experiment: Experiment, options: RunOptions) -> Run:
    """Check the experiment on this machine, create a results directory, run a pilot, and write the plan."""
    place = options.out or options.results
    machine = replace(survey_machine(place), allows_host_values=options.allow_global)
    if options.link:
        check_client(experiment)
    else:
        experiment = without_unavailable_arms(experiment, machine.parents)
        for sentence in start_remarks(experiment):
            options.say(sentence)
        check_machine(experiment, machine)
        check_services(experiment)
    store = Store(create_results_directory(options.results, experiment.name, options.out))
    store.hold()
    with explain_interrupt(store):
        host = _write_context(experiment, store, options)
        plan = store.write_plan(_plan_run(experiment, store, machine, options))
    return Run(plan, store, machine, host, clock=options.clock, quiet=options.quiet, link=options.link)


def resume_run(  # noqa: PLR0913 - what a command line has
    store: Store, plan: Plan, config: Path | None, *, allow_global: bool, quiet: bool, link: Link | None = None
) -> Run:
    """Read the run in `store`, with its `plan`, and check that it can be continued here.

    Raises ConfigError if `config` is given and is another experiment, or if a file is damaged; MachineError after a
    change of this machine that matters.
    """
    document = read_text(store.directory / "experiment.toml")
    if config and read_text(config) != document:
        raise ConfigError(
            f"{config} is not the experiment of {store.directory}. Leave it out: the directory has its own."
        )
    if link and link.description.document != document:
        raise ConfigError(
            f"{link.address} serves another experiment than that of {store.directory}. Start barehop serve there with "
            f"{store.directory / 'experiment.toml'}."
        )
    sessions, host = check_results(store, plan), store.read_host()
    store.hold()
    machine = replace(survey_machine(store.directory), allows_host_values=allow_global)
    if link:
        check_client(plan.experiment)
    else:
        check_machine(plan.experiment, machine)
        check_services(plan.experiment)
    by_number = {session.record.session: session for session in sessions}
    run = Run(plan, store, machine, host, by_number, quiet=quiet, link=link)
    if not _is_complete(run):
        run.changes = _machine_changes(run, run_facts(plan.experiment, server_facts(link)))
    return run


def measure_run(run: Run) -> None:
    """Measure the missing sessions until there are enough or time is over; those that are finished are kept.

    Raises HarnessError; MachineError that says where the sessions are if the directory was removed meanwhile.
    """
    load_polars()
    try:
        progress = show_progress(run.plan.actual_schedule.sessions, len(run.sessions), quiet=run.quiet)
        with run.ending, progress as advance:
            has_enough = _measure_sessions(run, advance)
        if not has_enough:
            done, planned = len(run.sessions), pluralize(run.plan.schedule.sessions, "planned session")
            run.plan = run.store.write_plan(run.plan.model_copy(update={"out_of_time_after": done}))
            print_message(f"{done} of {planned} fit the budget; the run ends here.", quiet=run.quiet)
    except OSError as error:
        raise machine_error(error) from None
    finally:
        run.store.follow()


def _measure_sessions(run: Run, advance: Advance) -> bool:
    """Measure the missing sessions; return whether there are enough, False if time was over before."""
    done_before, began = len(run.sessions), time.monotonic()
    sessions = run.plan.actual_schedule.sessions
    time_budget = TimeBudget(run.plan, done_before, run.clock)
    for session in range(1, sessions + 1):
        if session not in run.sessions:
            schedule = time_budget.next_session_schedule()
            if schedule is None:
                return False
            time_budget.add(run_session(session, run, schedule))
            done = len(run.sessions)
            advance(session, (time.monotonic() - began) / (done - done_before) * (sessions - done))
        if session == len(run.sessions) and _has_enough(run):
            return True
    return True


def _has_enough(run: Run) -> bool:
    """Return whether the run may stop at this look: every interval is as narrow as the experiment asks."""
    looks = run.plan.actual_schedule.looks
    return len(run.sessions) in looks[:-1] and is_precise(run.plan.experiment, run.finished_sessions(), looks)


def _is_complete(run: Run) -> bool:
    """Return whether no session is left to measure."""
    done = len(run.sessions)
    is_gapless = sorted(run.sessions) == list(range(1, done + 1))
    return is_gapless and (done == run.plan.actual_schedule.sessions or _has_enough(run))


def start_remarks(experiment: Experiment) -> Iterator[str]:
    """Yield what the user should know of the servers before they start."""
    yield from (f"Left out: {sentence}" for sentence in sentences_on_arms(experiment.left_out.items()))
    if names := removed_variables():
        yield f"Not passed on to the servers: {join_with_and(names)}. Use the settings of an arm instead."
    yield from namesake_warnings([arm.settings for arm in experiment.arms], Path.cwd())


def _write_context(experiment: Experiment, store: Store, options: RunOptions) -> HostFacts:
    """Store the experiment file, the facts of the machine, and its last calibration and floor; return the facts."""
    store.write_bytes("experiment.toml", options.document)
    host = run_facts(experiment, server_facts(options.link))
    store.write_json("host.json", host)
    if options.link:
        return host
    earlier = {
        "calibration.json": last_calibration(options.results, host, options.say),
        "floor.json": last_floor(options.results, host, options.say),
    }
    for name, result in earlier.items():
        if result:
            store.write_json(name, result)
    return host


def server_facts(link: Link | None) -> HostFacts | None:
    """Return the facts of the machine at the other end, if there is one."""
    return cast("HostFacts", link.description.host) if link else None


def _plan_run(experiment: Experiment, store: Store, machine: Machine, options: RunOptions) -> Plan:
    """Return the plan of a run: probe capacities that rates refer to, and run a pilot unless the file fixes all."""
    slowness = current_slowness()
    if sentence := short_budget_warning(experiment, forecast_of(experiment, slowness)):
        options.say(sentence)
    capacities: dict[str, float] = {}
    arrangement = Arrangement(experiment, store, machine, link=options.link)
    if relative_rate_arms(experiment):
        options.say("Measuring the capacity of the arms, for rates in percent ...")
        capacities = measure_capacities_per_s(arrangement)
        experiment = with_absolute_rates(experiment, capacities)
    pilot = None
    if needs_pilot(experiment):
        options.say("Running a pilot to choose the lengths of sessions and bursts ...")
        pilot = run_pilot(replace(arrangement, experiment=experiment), options.clock, slowness)
    schedule = _schedule_run(experiment, pilot, options, slowness)
    plan = plan_of(experiment, schedule, options.overrides, pilot)
    served_from = options.link.address if options.link else ""
    return plan.model_copy(
        update={"capacities_per_s": capacities, "allow_global": options.allow_global, "served_from": served_from}
    )


def _schedule_run(experiment: Experiment, pilot: Pilot | None, options: RunOptions, slowness: float) -> Schedule:
    """Return the schedule for the rest of the budget, and print what the pilot says of it."""
    spent_s = options.clock.spent_s()
    if pilot is None:
        return schedule_of(experiment, nominal_cost(experiment).scale(slowness), spent_s=spent_s)
    schedule = schedule_of(experiment, None, pilot, spent_s)
    if sentence := pilot_budget_warning(experiment, schedule):
        options.say(sentence)
    options.say(pilot_plan(schedule, pilot))
    return schedule


def _machine_changes(run: Run, now: HostFacts) -> tuple[str, ...]:
    """Return a sentence for each harmless change since the run began. Raises MachineError for a decisive one."""
    changes = changes_since(run.host, now)
    if decisive := describe_changes([change for change in changes if is_decisive(change)]):
        raise MachineError(
            f"The run in {run.store.directory} cannot be resumed, because the machine has changed since it began:\n"
            + "\n".join(f"  {sentence}" for sentence in decisive)
            + "\nNew sessions would not be comparable with the old ones. Undo these changes and resume, or start a new "
            "run and compare both with `barehop compare`."
        )
    return tuple(describe_changes(changes))
