"""Runs the pilot, and measures which request rates the arms can serve."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from statistics import median

from harness.analysis.pilot import PilotSession, pilot_of
from harness.errors import StackError
from harness.experiment.cost import has_long_visits, visit_lengths
from harness.experiment.schedule import has_time_for_session, pilot_schedule, pilot_visiting_s
from harness.experiment.visit_order import session_orders
from harness.load.visits import Visitor, measure_round_s, run_visits
from harness.model import Arm, Experiment, Pilot, Reply, Schedule, Visit
from harness.observe.perf import expected_perf_s
from harness.observe.proof import answer_proof
from harness.session.session import Arrangement, require_same_servers, start_session
from harness.session.targets import check_first_answers, check_last_answers
from harness.session.time_budget import Clock

ROUND_PROBE_S = 0.1
MAX_LONG_ROUNDS = 100

PROBE_CONNECTIONS = 16  # enough to saturate any stack of this kind
PROBE_ROUNDS, PROBE_BURST, PROBE_SETTLE = 5, 300, 20
PROBE_SHARE = 0.05  # of the budget, for the visits
ROUND_FROM_PER_S = 10  # lower rates keep two digits


def run_pilot(
    arrangement: Arrangement, clock: Clock, slowness: float = 1.0, *, begin_session: Callable[[], None] = lambda: None
) -> Pilot:
    """Run as many pilot sessions as a share of the budget allows, and analyse them. Raises HarnessError.

    `slowness` is how many times slower than on an idle machine the command has run so far. `begin_session` is called
    before each session.
    """
    experiment = arrangement.experiment
    began_s, budget_s = clock.spent_s(), experiment.design.budget_s
    sessions: list[PilotSession] = []
    answers: dict[str, Reply] = {}
    wanted = 1
    with arrangement.ending:
        while len(sessions) < wanted and (
            not sessions or has_time_for_session(len(sessions), clock.spent_s() - began_s, budget_s)
        ):
            begin_session()
            schedule, session = _run_pilot_session(len(sessions), arrangement, answers)
            wanted = schedule.sessions
            sessions.append(session)
    counting_s = 0.0 if arrangement.link else expected_perf_s(experiment)
    pilot = pilot_of(experiment, sessions, clock.spent_s(), counting_s=counting_s, slowness=slowness)
    return pilot.model_copy(update={"answers": {arm: answer_proof(reply) for arm, reply in answers.items()}})


def _run_pilot_session(
    number: int, arrangement: Arrangement, answers: dict[str, Reply]
) -> tuple[Schedule, PilotSession]:
    """Run a pilot session; return its schedule and visits. Its answers must match `answers`, or are added to it."""
    experiment, began = arrangement.experiment, time.monotonic()
    with ExitStack() as exit_stack:
        running = start_session(-number, arrangement, exit_stack)
        visitors = running.visitors
        answers.update({arm: served.reply for arm, served in running.targets.items() if arm not in answers})
        with require_same_servers(running.stacks):
            running.prove()  # fail now, not after the pilot
            check_first_answers({arm: reply.shape for arm, reply in answers.items()}, running.targets)
            pacing_began = time.monotonic()
            schedule = pilot_schedule(experiment, _ordinary_round_s(experiment, visitors))
            visits_began = time.monotonic()
            orders = running.group_orders(session_orders(experiment, -number, schedule.rounds))
            session_visits = run_visits(orders, visitors, schedule)
            visits_ended = time.monotonic()
            check_last_answers(running.targets)
    session_s = pacing_began - began + time.monotonic() - visits_ended  # without the choice of the schedule
    return schedule, PilotSession(visits=session_visits, visiting_s=visits_ended - visits_began, session_s=session_s)


def _ordinary_round_s(experiment: Experiment, visitors: Sequence[Visitor]) -> float:
    """Return the approximate seconds of a round of ordinary visits; assumed, not measured, for long visits."""
    if has_long_visits(experiment):
        return pilot_visiting_s(experiment) / MAX_LONG_ROUNDS
    settle, burst = visit_lengths(experiment)
    ordinary = Schedule(sessions=1, rounds=1, burst=burst, settle=settle, reason="pacing")
    return measure_round_s(range(len(visitors)), visitors, ordinary, ROUND_PROBE_S)


def relative_rate_arms(experiment: Experiment) -> list[Arm]:
    """Return the arms with a rate that is a percentage of a capacity."""
    return [arm for arm in experiment.arms if isinstance(arm.settings.rate, str)]


def measure_capacities_per_s(arrangement: Arrangement) -> dict[str, float]:
    """Return the requests/s of each arm with a percentage rate, measured in a closed loop. Raises HarnessError."""
    experiment = arrangement.experiment
    relative = relative_rate_arms(experiment)
    by_key = saturating_arms(relative)
    saturated = experiment.model_copy(update={"arms": tuple(by_key.values())})
    schedule = Schedule(
        sessions=1,
        rounds=PROBE_ROUNDS,
        burst=PROBE_BURST,
        settle=PROBE_SETTLE,
        reason="capacity",
        visiting_s=PROBE_SHARE * experiment.design.budget_s,
        fewest_rounds=1,
    )
    with arrangement.ending, ExitStack() as exit_stack:
        running = start_session(0, replace(arrangement, experiment=saturated), exit_stack)
        with require_same_servers(running.stacks):
            running.prove()
            probe = run_visits(session_orders(saturated, 0, schedule.rounds), running.visitors, schedule)
            check_last_answers(running.targets)
    per_s = {
        key: _capacity_per_s(arm.name, [visit for visit in probe if visit.arm == arm.name])
        for key, arm in by_key.items()
    }
    return {arm.name: per_s[_settings_key(_saturating_arm(arm))] for arm in relative}


def saturating_arms(arms: Sequence[Arm]) -> dict[str, Arm]:
    """Return one saturating arm for all arms that differ only in their rate, by a key of the other settings."""
    first: dict[str, Arm] = {}
    for arm in map(_saturating_arm, arms):
        first.setdefault(_settings_key(arm), arm)
    return first


def _saturating_arm(arm: Arm) -> Arm:
    return _with_settings(arm, {"rate": 0.0, "connections": PROBE_CONNECTIONS})


def _settings_key(arm: Arm) -> str:
    return arm.settings.model_dump_json()


def _with_settings(arm: Arm, changed: dict[str, float]) -> Arm:
    return arm.model_copy(update={"settings": arm.settings.model_copy(update=changed)})


def _capacity_per_s(arm: str, visits: list[Visit]) -> float:
    failed = {kind for visit in visits for kind in visit.failures}
    intervals_us = [visit.interval_us for visit in visits if visit.interval_us]
    if failed or not intervals_us:
        raise StackError(
            f"The capacity of {arm} cannot be measured: with {PROBE_CONNECTIONS} connections requests failed "
            f"({', '.join(sorted(failed)) or 'none was answered'}). Give the rate in requests per second, or fix the "
            "arm."
        )
    return 1e6 / median(intervals_us)


def with_absolute_rates(experiment: Experiment, capacities: Mapping[str, float]) -> Experiment:
    """Return the experiment with percentage rates replaced by requests/s, relative to the slowest arm."""
    slowest_per_s = min(capacities.values())
    rates = {arm.name: _absolute_rate(arm.settings.rate, slowest_per_s) for arm in experiment.arms}
    arms = tuple(_with_settings(arm, {"rate": rates[arm.name]}) for arm in experiment.arms)
    return experiment.model_copy(update={"arms": arms})


def _absolute_rate(rate: float | str, slowest_per_s: float) -> float:
    """Return `rate` in requests/s, rounded for the reader but never to 0, which means no rate."""
    if not isinstance(rate, str):
        return rate
    exact = float(rate.rstrip("%")) / 100 * slowest_per_s
    return float(round(exact)) if exact >= ROUND_FROM_PER_S else float(f"{exact:.2g}")
