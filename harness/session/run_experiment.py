"""Runs an experiment: preflight, pilot, then sessions until the intervals are narrow enough or time is over.

A command creates or resumes a run, measures it, and summarizes it:
    create_run    preflight: survey and check the machine, create the results directory; pilot: choose the schedule
    resume_run    read the sessions that are there, check that the machine is the same
    measure_run   sessions (`measure.run_session`: arrange, start, prove, measure, record), and when to stop
    summarize     make the summary and the reports (in `summarize`)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import cast

from harness.analysis.between_runs.metadata import changes_since, describe_changes, is_decisive
from harness.analysis.contrasts.engine import JudgedContrast
from harness.analysis.summary import deciding_effects, is_precise
from harness.console import explain_interrupt, load_polars, machine_error
from harness.errors import ConfigError, MachineError
from harness.experiment.constraints import sentences_on_arms
from harness.experiment.cost import nominal_cost
from harness.experiment.document import FILE_ADVICE, read_text
from harness.experiment.plan import plan_of
from harness.experiment.schedule import forecast_of, needs_pilot, schedule_of
from harness.model import Experiment, Pilot, Plan, Schedule
from harness.model.record import HostFacts
from harness.remote.link import Link
from harness.report.caveats import pilot_budget_warning, short_budget_warning
from harness.report.commands.plan import pilot_plan
from harness.report.commands.progress import Progress, estimate_text
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
from harness.store.files import REPAIR_ADVICE
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
    progress: Progress
    allow_global: bool
    link: Link | None = None


def create_run(experiment: Experiment, options: RunOptions) -> Run:
    """Check the experiment on this machine, create a results directory, run a pilot, and write the plan."""
    place = options.out or options.results
    machine = replace(survey_machine(place), allows_host_values=options.allow_global)
    if options.link:
        check_client(experiment)
    else:
        experiment = without_unavailable_arms(experiment, machine.parents)
        for sentence in start_remarks(experiment):
            options.progress.say(sentence)
        check_machine(experiment, machine)
        check_services(experiment)
    store = Store(create_results_directory(options.results, experiment.name, options.out))
    store.hold()
    with explain_interrupt(store):
        host = _write_context(experiment, store, options)
        plan = store.write_plan(_plan_run(experiment, store, machine, options))
    return Run(plan, store, machine, host, options.progress, clock=options.clock, link=options.link)


def resume_run(  # noqa: PLR0913 - what a command line has
    store: Store, plan: Plan, config: Path | None, progress: Progress, *, allow_global: bool, link: Link | None = None
) -> Run:
    """Read the run in `store`, with its `plan`, and check that it can be continued here.

    Raises ConfigError if `config` is given and is another experiment, or if a file is damaged; MachineError after a
    change of this machine that matters.
    """
    document = read_text(store.directory / "experiment.toml", REPAIR_ADVICE)
    if config and read_text(config, FILE_ADVICE) != document:
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
    run = Run(plan, store, machine, host, progress, by_number, link=link)
    if not _is_complete(run):
        run.changes = _machine_changes(run, run_facts(plan.experiment, server_facts(link)))
    return run


def measure_run(run: Run) -> None:
    """Measure the missing sessions until there are enough or time is over; those that are finished are kept.

    Raises HarnessError; MachineError that says where the sessions are if the directory was removed meanwhile.
    """
    load_polars()
    try:
        with run.ending:
            has_enough = _measure_sessions(run)
        if not has_enough:
            done, planned = len(run.sessions), pluralize(run.plan.schedule.sessions, "planned session")
            run.plan = run.store.write_plan(run.plan.model_copy(update={"out_of_time_after": done}))
            run.progress.say(f"{done} of {planned} fit the budget; the run ends here.")
    except OSError as error:
        raise machine_error(error) from None
    finally:
        run.store.follow()


def _measure_sessions(run: Run) -> bool:
    """Measure the missing sessions; return whether there are enough, False if time was over before."""
    sessions = run.plan.actual_schedule.sessions
    time_budget = TimeBudget(run.plan, len(run.sessions), run.clock)
    for session in range(1, sessions + 1):
        effects: Sequence[JudgedContrast] | None = None
        if session not in run.sessions:
            schedule = time_budget.next_session_schedule()
            if schedule is None:
                return False
            run.progress.begin(f"session {session} of {sessions}", _left_s(run))
            time_budget.add(run_session(session, run, schedule))
            effects = None if run.progress.is_quiet else _deciding_effects(run)
            run.progress.end_session(session, sessions, _left_s(run), estimate_text(effects or ()))
        if session == len(run.sessions) and _has_enough(run, effects):
            return True
    return True


def _left_s(run: Run) -> float:
    """Return the seconds until the end of the run: what the missing sessions take if they are like those before.

    Before the first session, it is the rest of the budget; 0 without one.
    """
    schedule = run.plan.actual_schedule
    if run.sessions:
        missing = schedule.sessions - len(run.sessions)
        return missing * fmean(session.record.seconds["total"] for session in run.finished_sessions())
    return max(schedule.limit_s - run.clock.spent_s(), 0.0) if run.clock and schedule.limit_s else 0.0


def _deciding_effects(run: Run) -> list[JudgedContrast]:
    return deciding_effects(run.plan.experiment, run.finished_sessions(), run.plan.actual_schedule.looks)


def _has_enough(run: Run, effects: Sequence[JudgedContrast] | None = None) -> bool:
    """Return whether the run may stop at this look: every interval is as narrow as the experiment asks.

    `effects` are those of its sessions, if they are at hand.
    """
    looks, done = run.plan.actual_schedule.looks, len(run.sessions)
    return done in looks[:-1] and is_precise(run.plan.experiment, looks, done, effects or _deciding_effects(run))


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
        "calibration.json": last_calibration(options.results, host, options.progress.say),
        "floor.json": last_floor(options.results, host, options.progress.say),
    }
    for name, result in earlier.items():
        if result:
            store.write_json(name, result)
    return host


def server_facts(link: Link | None) -> HostFacts | None:
    """Return the facts of the machine at the other end, if there is one."""
    return cast("HostFacts", link.description.host) if link else None


def _plan_run(experiment: Experiment, store: Store, machine: Machine, options: RunOptions) -> Plan:
    """Return the plan of a run: probe the capacities that rates refer to, and run a pilot unless the file fixes all."""
    slowness = current_slowness()
    forecast = forecast_of(experiment, slowness)
    if sentence := short_budget_warning(experiment, forecast):
        options.progress.say(sentence)

    def begin_phase(phase: str) -> None:
        options.progress.begin(phase, max(forecast.seconds - options.clock.spent_s(), 0.0))

    capacities: dict[str, float] = {}
    arrangement = Arrangement(experiment, store, machine, link=options.link)
    if relative_rate_arms(experiment):
        options.progress.say("Measuring the capacity of the arms, for rates in percent ...")
        begin_phase("capacities, then pilot and sessions")
        capacities = measure_capacities_per_s(arrangement)
        experiment = with_absolute_rates(experiment, capacities)
    pilot = None
    if needs_pilot(experiment):
        options.progress.say("Running a pilot to choose the lengths of sessions and bursts ...")
        begin_session = partial(begin_phase, "pilot, then sessions")
        arrangement = replace(arrangement, experiment=experiment)
        pilot = run_pilot(arrangement, options.clock, slowness, begin_session=begin_session)
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
        options.progress.say(sentence)
    options.progress.say(pilot_plan(schedule, pilot))
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
