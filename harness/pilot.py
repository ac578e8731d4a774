"""Run the pilot: a few unrecorded sessions of long visits, from which the lengths of the recorded ones follow."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from harness.analysis.pilot.choice import pilot_of
from harness.analysis.pilot.trials import PilotSession
from harness.arrange import arrange, the_same_servers
from harness.clock import Clock
from harness.counted import expected_counting_s
from harness.evidence.answers import answer_proof
from harness.evidence.proof import prove
from harness.evidence.store import Store
from harness.experiment.lengths import has_long_visits, visit_lengths
from harness.experiment.plan import session_orders
from harness.experiment.trial import another_fits, trial_of, visiting_share_s
from harness.held_answers import check_answers, the_same_answers
from harness.lab.blueprint import Machine
from harness.load.visits import Visitor, round_cost_s, visits
from harness.model import Experiment, Pilot, Reply, Schedule

PACING_S = 0.1
MOST_LONG_ROUNDS = 100

Answers = dict[str, Reply]


def piloted(experiment: Experiment, store: Store, machine: Machine, clock: Clock, slowness: float = 1.0) -> Pilot:
    """Run as many pilot sessions as a share of the budget allows, and analyse them. Raises HarnessError.

    `slowness` is how many times slower than on an idle machine the command has run so far.
    """
    began_s, sessions = clock.spent_s(), list[PilotSession]()
    budget_s = experiment.design.budget_s
    wanted, answers = 1, Answers()
    while len(sessions) < wanted and (not sessions or another_fits(len(sessions), clock.spent_s() - began_s, budget_s)):
        schedule, session = _trial(len(sessions), experiment, store, machine, answers)
        wanted = schedule.sessions
        sessions.append(session)
    costs = {"counting_s": expected_counting_s(experiment), "slowness": slowness}
    pilot = pilot_of(experiment, sessions, clock.spent_s(), **costs)
    return pilot.model_copy(update={"answers": {arm: answer_proof(reply) for arm, reply in answers.items()}})


def _trial(
    number: int, experiment: Experiment, store: Store, machine: Machine, answers: Answers
) -> tuple[Schedule, PilotSession]:
    """Run a pilot session; return its schedule and its visits. The time to choose the schedule is not counted.

    The first session adds its answers to `answers`; later sessions must answer the same.
    """
    began = time.monotonic()
    with ExitStack() as exit_stack:
        arranged = arrange(0, experiment, store, machine, exit_stack)
        visitors = arranged.visitors
        answers.update({arm: served.reply for arm, served in arranged.served.items() if arm not in answers})
        with the_same_servers(arranged.stacks), the_same_answers(arranged):
            prove(arranged.stacks)  # fail now, not after the pilot
            check_answers({arm: reply.shape for arm, reply in answers.items()}, arranged)
            pacing_began = time.monotonic()
            schedule = trial_of(experiment, _round_s(experiment, visitors))
            visits_began = time.monotonic()
            orders = arranged.in_blocks(session_orders(experiment, -number, schedule.rounds))
            session_visits = visits(orders, visitors, schedule)
            visits_ended = time.monotonic()
    session_s = pacing_began - began + time.monotonic() - visits_ended
    return schedule, PilotSession(visits=session_visits, visiting_s=visits_ended - visits_began, session_s=session_s)


def _round_s(experiment: Experiment, visitors: Sequence[Visitor]) -> float:
    """Return the approximate seconds of a round of ordinary visits; assumed, not measured, for long visits."""
    if has_long_visits(experiment):
        return visiting_share_s(experiment) / MOST_LONG_ROUNDS
    settle, burst = visit_lengths(experiment)
    ordinary = Schedule(sessions=1, rounds=1, burst=burst, settle=settle, reason="pacing")
    return round_cost_s(range(len(visitors)), visitors, ordinary, PACING_S)
