"""Calibrate the harness on this machine: compare an arm with itself, and with itself plus a known delay."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness.analysis.calibration import calibration_of
from harness.experiment.cost import pilot_cost
from harness.experiment.plan import plan_of
from harness.model import Arm, Design, Experiment, Pilot, Schedule, Settings
from harness.model.record import SESSIONS_PER_RUN, Calibration, HostFacts
from harness.report.commands.plan import pilot_plan
from harness.report.commands.progress import Progress
from harness.session.measure import Run
from harness.session.pilot import run_pilot
from harness.session.preflight import check_machine, run_facts
from harness.session.session import Arrangement
from harness.session.time_budget import Clock
from harness.store.files import read_model
from harness.store.history import read_latest
from harness.store.store import Store, create_results_directory
from harness.testbed.blueprint import survey_machine

CALIBRATION_DIRECTORY = "calibrate"
BASE, TWIN = "base", "control"
SPIKES_US = {"spike-20": 20, "spike-50": 50}
APPS = {"uvicorn": "app.main:app", "asgi": "app.main:app", "sync": "app.wsgi:app", "gthread": "app.wsgi:app"}
VISITING_SHARE = 0.5  # of a session: many short runs show more about false alarms than few long ones
FEWEST_RUNS = 2


def calibration_experiment(settings: Settings, budget_s: float) -> Experiment:
    """Return an experiment of an arm with `settings`, its twin, and the arm with 20 and 50 us more CPU time."""
    request = {"path": "/spike/0", "method": "GET", "body": ""}
    base = settings.model_copy(update={"app": APPS[settings.worker_class], "app_dir": "", "command": "", **request})
    spikes = [
        Arm(name=name, settings=base.model_copy(update={"path": f"/spike/{us}"})) for name, us in SPIKES_US.items()
    ]
    return Experiment(
        name=CALIBRATION_DIRECTORY,
        question="Does the harness tell the truth on this machine?",
        arms=(Arm(name=BASE, settings=base), *spikes, Arm(name=TWIN, settings=base, control_of=BASE)),
        pairs=((TWIN, BASE), *((name, BASE) for name in SPIKES_US)),
        design=Design(against=BASE, budget_s=budget_s),
    )


def prepare_calibration(
    experiment: Experiment, results: Path, out: Path | None, clock: Clock, progress: Progress
) -> Run:
    """Create a results directory, run a pilot and write the plan of a calibration."""
    machine = survey_machine(out or results)
    check_machine(experiment, machine)
    store = Store(create_results_directory(results, CALIBRATION_DIRECTORY, out))
    store.hold()
    host = run_facts(experiment)
    store.write_json("host.json", host)
    progress.say("Running a pilot to choose the lengths of sessions and bursts ...")
    progress.begin("pilot", experiment.design.budget_s)
    pilot = run_pilot(Arrangement(experiment, store, machine), clock)
    ending_s = pilot_cost(experiment, pilot).reporting_s
    schedule = calibration_schedule(pilot, experiment.design.budget_s - clock.spent_s() - ending_s)
    progress.say(pilot_plan(schedule, pilot))
    plan = store.write_plan(plan_of(experiment, schedule, pilot=pilot))
    return Run(plan, store, machine, host, progress)


def calibration_schedule(pilot: Pilot, time_s: float) -> Schedule:
    """Return a schedule of as many runs of 8 sessions as fit into `time_s`; visits take half of each session."""
    run_s = SESSIONS_PER_RUN * pilot.session_s / (1 - VISITING_SHARE)
    sessions = SESSIONS_PER_RUN * max(int(time_s / run_s), FEWEST_RUNS)
    rounds = max(int((time_s / sessions - pilot.session_s) / pilot.round_s), 1)
    return Schedule(
        sessions=sessions,
        rounds=rounds,
        burst=pilot.burst,
        settle=pilot.settle,
        reason=f"runs of {SESSIONS_PER_RUN} sessions, half of each spent visiting, as many as the time allows",
        looks=(sessions,),
        visiting_s=rounds * pilot.round_s,
    )


def write_calibration(run: Run) -> Calibration:
    """Analyse the sessions of a calibration, write calibration.json, and return the result."""
    calibration = calibration_of(run.plan.experiment, run.finished_sessions(), SPIKES_US)
    run.store.write_json("calibration.json", calibration)
    return calibration


def last_calibration(results: Path, host: HostFacts, leave_out: Callable[[str], object] = str) -> Calibration | None:
    """Return the latest calibration under `results` from a host like this one; damaged files are skipped."""
    return read_latest(
        results / CALIBRATION_DIRECTORY, "calibration.json", host, partial(read_model, model=Calibration), leave_out
    )
